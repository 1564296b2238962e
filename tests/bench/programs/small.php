<?php
header("Content-Type: application/json");
header("Cache-Control: private, max-age=0");
header("Vary: Accept-Encoding, Cookie");
echo '{"filler":"', str_repeat("x", 187), '"}';
