<?php
// What PHP made of a form.
header("Content-Type: application/json");
$files = array_map(fn($file) => [$file["name"], $file["size"], md5_file($file["tmp_name"])], $_FILES);
echo json_encode(["post" => $_POST, "files" => $files]);
