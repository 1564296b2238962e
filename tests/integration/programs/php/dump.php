<?php
// What the application is told.
header("Content-Type: application/json");
echo json_encode(array_filter($_SERVER, "is_string"));
