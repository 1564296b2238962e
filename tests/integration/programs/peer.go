// A peer of Go's net/http: peer PORT [CERTIFICATE KEY].  What it answers is told in tests/integration/peers.py.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	lock sync.Mutex
	kept = map[string][]byte{}
)

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Peer-Connection", r.RemoteAddr)
	if r.Method == "PUT" || r.Method == "POST" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if r.Method == "POST" {
			answer(w, 200, body)
			return
		}
		lock.Lock()
		kept[r.URL.Path] = body
		lock.Unlock()
		answer(w, 201, nil)
		return
	}
	switch {
	case r.URL.Path == "/hello":
		answer(w, 200, []byte("hello\n"))
	case r.URL.Path == "/error":
		answer(w, 503, []byte("out of order\n"))
	case r.URL.Path == "/tagged":
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(304)
			return
		}
		answer(w, 200, []byte("tagged\n"))
	case r.URL.Path == "/chunked":
		for _, piece := range []string{"one ", "two ", "three"} {
			io.WriteString(w, piece)
			w.(http.Flusher).Flush()
		}
	case r.URL.Path == "/slow":
		w.Header().Set("Content-Length", "3000")
		io.WriteString(w, strings.Repeat("s", 1500))
		w.(http.Flusher).Flush()
		time.Sleep(400 * time.Millisecond)
		io.WriteString(w, strings.Repeat("s", 1500))
	case strings.HasPrefix(r.URL.Path, "/kept/"):
		lock.Lock()
		body := kept[r.URL.Path]
		lock.Unlock()
		answer(w, 200, body)
	default:
		answer(w, 404, nil)
	}
}

func main() {
	address, handler := "127.0.0.1:"+os.Args[1], http.HandlerFunc(serve)
	if len(os.Args) > 3 {
		log.Fatal(http.ListenAndServeTLS(address, os.Args[2], os.Args[3], handler))
	}
	log.Fatal(http.ListenAndServe(address, handler))
}
