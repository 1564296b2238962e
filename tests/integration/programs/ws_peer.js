// A peer of WebSockets of Node's "ws": node ws_peer.js PORT.  What it does is told in websocket_peer.py, /echo, /close and /refuse alone.
"use strict";
const http = require("http");
const { WebSocketServer } = require("ws");

const server = http.createServer();
const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: true,
  handleProtocols: (offered) => ["chat.v2", "chat.v1"].find((each) => offered.has(each)) || false,
});

server.on("upgrade", (request, socket, head) => {
  const [, verb, word] = request.url.split("?")[0].split("/");
  if (verb === "refuse") {
    return socket.end(`HTTP/1.1 ${word} Refused\r\nX-Why: a whim\r\nContent-Length: 8\r\n\r\nnot here`);
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on("error", () => {});
    client.on("message", (data, binary) => {
      if (verb === "close") return client.close(Number(word), "the end");
      client.send(data, { binary });
    });
  });
});

server.listen(Number(process.argv[2]), "127.0.0.1");
