<?php
// Says all of its response, and goes on.
header("Content-Length: 4");
echo "done";
while (ob_get_level()) {
    ob_end_flush();
}
flush();
sleep(1);
error_log("and then");
