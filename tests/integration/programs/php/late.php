<?php
// Says all of its response, and goes on until a file is there; not for ever.
header("Content-Length: 4");
echo "done";
while (ob_get_level()) {
    ob_end_flush();
}
flush();
for ($left = 1200; $left && !file_exists($_GET["gate"]); $left--) {
    usleep(50000);
    clearstatcache();
}
error_log("and then");
