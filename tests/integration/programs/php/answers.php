<?php
// The answer that the query asks for.
foreach ($_GET as $name => $value) {
    header("$name: $value");
}
if (isset($_GET["Status"])) {
    http_response_code((int) $_GET["Status"]);
}
echo "said";
