document.title = "served by the proxy";
