<?php
// The front controller: all paths that are no file come here.
header("Content-Type: text/plain; charset=utf-8");
if ($_SERVER["REQUEST_METHOD"] === "POST") {
    echo "thank you, ", $_POST["name"] ?? "whoever you are", "\n";
} else {
    echo "you asked for ", $_SERVER["REQUEST_URI"], ", page ", $_GET["page"] ?? "one", "\n";
}
