"""The media types of files, by the ends of their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

# nginx's mime.types, with what the web has got since; JavaScript is text/javascript (RFC 9239).
_TYPES = """
text/html html htm shtml
text/css css
text/xml xml
text/javascript js mjs
text/plain txt text log conf ini
text/markdown md markdown
text/csv csv
text/calendar ics
text/vcard vcf
text/vtt vtt
text/mathml mml
text/vnd.sun.j2me.app-descriptor jad
text/vnd.wap.wml wml
text/x-component htc
image/avif avif
image/bmp bmp
image/gif gif
image/heic heic
image/jpeg jpeg jpg
image/jxl jxl
image/png png
image/svg+xml svg svgz
image/tiff tif tiff
image/vnd.wap.wbmp wbmp
image/webp webp
image/x-icon ico
image/x-jng jng
font/otf otf
font/ttf ttf
font/collection ttc
font/woff woff
font/woff2 woff2
application/atom+xml atom
application/epub+zip epub
application/geo+json geojson
application/gzip gz tgz
application/java-archive jar war ear
application/json json map
application/ld+json jsonld
application/mac-binhex40 hqx
application/manifest+json webmanifest
application/msword doc
application/pdf pdf
application/postscript ps eps ai
application/rss+xml rss
application/rtf rtf
application/sql sql
application/toml toml
application/vnd.apple.mpegurl m3u8
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.ms-excel xls
application/vnd.ms-fontobject eot
application/vnd.ms-powerpoint ppt
application/vnd.oasis.opendocument.graphics odg
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.wap.wmlc wmlc
application/wasm wasm
application/x-7z-compressed 7z
application/x-bzip2 bz2
application/x-cocoa cco
application/x-java-archive-diff jardiff
application/x-java-jnlp-file jnlp
application/x-makeself run
application/x-perl pl pm
application/x-pilot prc pdb
application/x-rar-compressed rar
application/x-redhat-package-manager rpm
application/x-sea sea
application/x-shockwave-flash swf
application/x-stuffit sit
application/x-tar tar
application/x-tcl tcl tk
application/x-x509-ca-cert der pem crt
application/x-xpinstall xpi
application/x-xz xz
application/xhtml+xml xhtml
application/xspf+xml xspf
application/yaml yaml yml
application/zip zip
application/zstd zst
application/octet-stream bin exe dll deb dmg iso img msi msp msm
audio/aac aac
audio/flac flac
audio/midi mid midi kar
audio/mpeg mp3
audio/ogg ogg oga opus
audio/wav wav
audio/x-m4a m4a
audio/x-realaudio ra
video/3gpp 3gpp 3gp
video/mp2t ts
video/mp4 mp4 m4v
video/mpeg mpeg mpg
video/ogg ogv
video/quicktime mov
video/webm webm
video/x-flv flv
video/x-matroska mkv
video/x-mng mng
video/x-ms-asf asx asf
video/x-ms-wmv wmv
video/x-msvideo avi
"""

# What is text without being text/*; JSON is UTF-8 by itself (RFC 8259 8.1), and has no such parameter.
_ALSO_TEXT = frozenset(("application/atom+xml", "application/rss+xml", "application/xhtml+xml", "image/svg+xml"))


def known_types() -> dict[bytes, bytes]:
    """What is known: the end of a name, in lower case and without the dot, and the type."""
    lines = [line.split() for line in _TYPES.split("\n") if line]
    return {end.encode(): _with_charset(name) for name, *ends in lines for end in ends}


def _with_charset(name: str) -> bytes:
    is_text = name.startswith("text/") or name in _ALSO_TEXT
    return f"{name}; charset=utf-8".encode() if is_text else name.encode()


def type_finder(own: Mapping[str, str], default: str) -> Callable[[bytes], bytes]:
    """The function from a file's path to its type: by *own*, else by what is known, else *default*."""
    types = {**known_types(), **{end.lower().encode(): name.encode() for end, name in own.items()}}
    otherwise = default.encode()

    def find(path: bytes) -> bytes:
        _, dot, end = path[path.rfind(b"/") + 1 :].rpartition(b".")
        return types.get(end.lower(), otherwise) if dot else otherwise

    return find
