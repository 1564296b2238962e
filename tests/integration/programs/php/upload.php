<?php
// The digest of a body, which is read as it comes.
$digest = hash_init("sha256");
$body = fopen("php://input", "rb");
while (!feof($body)) {
    hash_update($digest, fread($body, 65536));
}
echo hash_final($digest);
