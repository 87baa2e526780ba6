# datrnet as a program: `docker build -t datrnet .`, then
# `docker run -it --rm -v datrnet:/workspace -v "$PWD:/data:ro" datrnet browse`.
# With training and embedding: `--build-arg EXTRAS=train`. See docs/install.md.
FROM debian:bookworm-slim AS build
ARG EXTRAS=""
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ python3-dev python3-venv \
 && python3 -m venv /opt/datrnet
COPY . /source
RUN /opt/datrnet/bin/pip install --no-cache-dir "/source${EXTRAS:+[$EXTRAS]}"

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home datrnet \
 && install --directory --owner datrnet /workspace /data
COPY --from=build /opt/datrnet /opt/datrnet
ENV PATH=/opt/datrnet/bin:$PATH DATRNET_WORKSPACE=/workspace LANG=C.UTF-8
USER datrnet
WORKDIR /data
VOLUME /workspace
ENTRYPOINT ["datrnet"]
