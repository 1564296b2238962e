<?php
// A hundred times a million bytes, of declared length or not.
header("Content-Type: application/octet-stream");
$piece = str_repeat("0123456789", 100000);
if (isset($_GET["declared"])) {
    header("Content-Length: 100000000");
}
for ($i = 0; $i < 100; $i++) {
    echo $piece;
}
