# Every task has one entry here; .ci/run uses the same ones.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKSPACE ?= workspace
# Two more than there are processors: the tests of the explorer wait a lot.
WORKERS = $(shell $(BIN)/python -c "import os; print((os.cpu_count() or 1) + 2)")

# Every process compiles torch and Textual again where it may not keep what it has compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo compile test test-slow test-scale check lint types docs bench demo-weights wheel package clean

setup: $(READY)

demo: $(READY)
	@$(BIN)/datrnet demo --workspace $(WORKSPACE)

# Before several processes do it at the same time.
compile: $(READY)
	-@$(BIN)/pytest --collect-only --quiet >/dev/null

test: $(READY)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow"

test-slow: $(READY)
	$(BIN)/pytest -m slow

# With Milvus Lite, 90 MB more that few need.
test-scale: $(READY)
	@$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt "milvus-lite>=2.5" "pymilvus>=2.5,<4"
	$(BIN)/pytest tests/core/retrieval/test_milvus.py

check: lint types

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python tools/write_docs.py --check
	$(BIN)/python tools/check_files.py

types: $(READY)
	$(BIN)/python tools/check_types.py

docs: $(READY)
	$(BIN)/python tools/write_docs.py

bench: $(READY)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/engines.py --keep build/bench --write $(BENCH) 10000 100000 1000000
	$(BIN)/python benchmarks/index_update.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/embedding.py

demo-weights: $(READY)
	$(BIN)/python tools/train_demo_weights.py

wheel: $(READY)
	rm -rf build dist
	$(BIN)/python -m build --no-isolation

package: wheel
	$(BIN)/python tools/check_package.py

clean:
	rm -rf $(VENV) build dist *.egg-info

# One virtual environment for everything; made again when the dependencies change.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "datrnet needs Python 3.11, 3.12 or 3.13; $(PYTHON) is `$(PYTHON) --version 2>&1`. Try: make PYTHON=python3.12" >&2; exit 1; }
	@command -v $${CXX:-c++} >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || \
	  { echo "datrnet needs a C++ compiler to build Annoy (Debian/Ubuntu: apt install build-essential python3-dev; macOS: xcode-select --install)." >&2; exit 1; }
	@echo "Setting up $(VENV) (once; a minute or two) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --no-compile --constraint constraints.txt --editable ".[dev]" \
	  >$(VENV)/setup.log 2>&1 || { tail -30 $(VENV)/setup.log >&2; exit 1; }
	@touch $@
