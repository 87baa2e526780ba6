"""The names that columns have in the catalogs of shops, in several languages."""

from collections.abc import Mapping

from datrnet.core.catalog.mappings.mapping import Use
from datrnet.core.text import fold
from datrnet.db.rows import FactKind

PERHAPS_GROUPS = (
    *("group", "itemgroup", "productgroup", "articlegroup", "style", "model", "family"),
    *("gruppe", "artikelgruppe", "produktgruppe", "modell", "groupe", "modèle", "grupo", "modelo"),
    *("gruppo", "modello", "groep"),
)
"""Names of groups of variants if the values are identifiers; of kinds of products if words."""

NAMES: Mapping[Use, tuple[str, ...]] = {
    "id": (
        *("id", "itemid", "code", "itemcode", "productid", "productcode", "sku", "variantsku"),
        *("articleid", "articlecode", "articleno", "articlenumber", "asin", "artikelnummer"),
        *("artno", "itemno", "itemnumber", "productno", "productnumber", "styleno", "品番"),
        *("商品コード", "商品id", "货号", "商品编号", "артикул"),
        *("artikelnr", "artnr", "produktnummer", "référence", "ref", "ugs"),
        *("referencia", "código", "codigo", "codice", "articolo", "artikelcode"),
    ),
    "image": (
        *("image", "imagepath", "imagefile", "imagefilename", "imagename", "picture"),
        *("picturepath", "photo", "photopath", "img", "imgpath", "path", "filepath", "filename"),
        *("file", "images", "pictures", "photos", "imageurl", "imageurls", "pictureurl"),
        *("photourl", "imagelink", "imagesrc", "bild", "bilder", "bilddatei", "bildpfad"),
        *("bildurl", "foto", "fotos", "imagen", "imágenes", "imagenes", "immagine", "immagini"),
        *("画像", "商品画像", "图片", "изображение", "фото", "featuredimage.src", "image.src"),
        *("afbeelding", "bild1", "image1", "photo1", "picture1", "url", "link"),
    ),
    "title": (
        *("product.title", "product.name", "title", "name", "productname", "producttitle"),
        *("productdisplayname", "displayname", "itemname", "itemtitle", "prodname", "titel"),
        *("bezeichnung", "produktname", "artikelbezeichnung", "titre", "nom", "nomduproduit"),
        *("título", "titulo", "nombre", "titolo", "nome", "naam", "商品名", "品名", "商品名称"),
        *("名称", "название", "наименование"),
    ),
    "split": ("split", "partition", "subset", "set", "evaluationstatus"),
    "group": (
        *("itemgroupid", "groupid", "productgroupid", "parentid", "parentsku", "parent"),
        *("styleid", "stylecode", "modelid", "modelcode", "masterid", "product.id", "productid"),
        *("handle", "elternartikel", *PERHAPS_GROUPS),
    ),
}
"""Names of columns, without case, spaces and signs, in order of preference."""

FACT_NAMES: Mapping[str, FactKind] = {
    **dict.fromkeys(
        (
            *("price", "listprice", "saleprice", "cost", "msrp", "preis", "prix", "precio"),
            *("prezzo", "価格", "价格", "цена"),
        ),
        "money",
    ),
    **dict.fromkeys(
        (
            *("stock", "quantity", "qty", "inventory", "amount", "weight", "year", "rating"),
            *("position", "bestand", "menge", "lager", "existencias", "quantité", "cantidad"),
        ),
        "number",
    ),
    **dict.fromkeys(("size", "sizes", "groesse", "größe", "taille", "talla", "taglia"), "text"),
    **dict.fromkeys(
        ("brand", "vendor", "manufacturer", "marke", "marque", "marca", "currency"), "text"
    ),
    **dict.fromkeys(("availability", "sku", "barcode", "ean", "gtin", "mpn"), "text"),
    **dict.fromkeys(("tags", "keywords", "labels"), "tags"),
    **dict.fromkeys(("link", "url", "href"), "link"),
    **dict.fromkeys(("date", "added", "created", "updated", "published"), "date"),
}
"""Names of facts, whatever their values, if the values allow it."""

DESCRIPTIONS = (
    *("description", "productdescription", "longdescription", "shortdescription", "details"),
    *("bodyhtml", "beschreibung", "kurzbeschreibung", "descripción", "descrizione", "omschrijving"),
)
"""Names of text about single products, however often it is repeated."""

SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "query", "gallery"), "test"),
    "": "",
}


def plain_name(column: str) -> str:
    """Return a column's name without case, width, spaces and signs, as in the tables here."""
    return "".join(letter for letter in fold(column) if letter.isalnum() or letter == ".")
