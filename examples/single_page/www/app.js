document.body.textContent = location.pathname;
