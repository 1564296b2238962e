<?php
sleep((int) $_GET["s"]);
echo "awake";
