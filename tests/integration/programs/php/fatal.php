<?php
error_log("a word before");
no_such_function();
