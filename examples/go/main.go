// A service behind examples/go/proxy.py: go run main.go -listen 127.0.0.1:8001
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// clientAddress tells who asks: r.RemoteAddr is the proxy, whose word counts if it comes from this machine.
func clientAddress(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() && r.Header.Get("X-Real-IP") != "" {
		return r.Header.Get("X-Real-IP")
	}
	return host
}

func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"process": os.Getpid(),
		"address": clientAddress(r),
		"scheme":  r.Header.Get("X-Forwarded-Proto"),
		"host":    r.Host,
	})
}

func main() {
	// On the loopback alone: who could come past the proxy could be anybody.
	listen := flag.String("listen", "127.0.0.1:8001", "where to listen")
	flag.Parse()
	server := &http.Server{
		Addr:    *listen,
		Handler: http.HandlerFunc(answer),
		// Longer than the proxy keeps an idle connection.  Without it, and without a ReadTimeout, there is no limit.
		IdleTimeout:       75 * time.Second,
		ReadHeaderTimeout: 10 * time.Second,
	}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	answered := make(chan error)
	go func() {
		<-stopped.Done()
		// No new connections; what is under way is answered.
		answered <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-answered
}
