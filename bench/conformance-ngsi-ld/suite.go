package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// addresses are where the suite finds @contexts on the web. The copy finds them on
// this machine.
var addresses = []string{
	"https://forge.etsi.org/rep/cim/ngsi-ld-test-suite/-/raw/develop/resources/jsonld-contexts/",
	"https://easy-global-market.github.io/ngsild-api-data-models/ngsildTestSuite/",
	"http://smartdatamodels.org/",
	"https://fiware.github.io/data-models/",
	"https://fiware.github.io/NGSI-LD_TestSuite/ldContext/",
}

// sameAs names the files of contexts/ that stand in for files of other names.
var sameAs = map[string]string{
	"ngsildTestSuiteV1.8-compound.jsonld": "ngsi-ld-test-suite-compound.jsonld",
	"context.jsonld":                      "ngsi-ld-test-suite.jsonld",
	"testContext.jsonld":                  "ngsi-ld-test-suite.jsonld",
}

// place is where a server of the run listens.
type place struct{ hub, contexts, notify, source, served, mqttOther int }

// variable finds a line of variables.py.
var variable = regexp.MustCompile(`(?m)^(\w+) = .*$`)

// copySuite copies the suite with its addresses edited for the ports of p.
func copySuite(from, to string, p place) error {
	values := map[string]string{
		"url":                          fmt.Sprintf("'http://127.0.0.1:%d/ngsi-ld/v1'", p.hub),
		"temporal_api_url":             fmt.Sprintf("'http://127.0.0.1:%d/ngsi-ld/v1'", p.hub),
		"notification_server_host":     "'127.0.0.1'",
		"notification_server_port":     strconv.Itoa(p.notify),
		"context_source_host":          "'127.0.0.1'",
		"context_source_port":          strconv.Itoa(p.source),
		"context_server_host":          "'127.0.0.1'",
		"context_server_port":          strconv.Itoa(p.served),
		"mqtt_broker_host":             "'127.0.0.1'",
		"mqtt_broker_non_default_port": strconv.Itoa(p.mqttOther),
	}
	local := fmt.Sprintf("http://127.0.0.1:%d/", p.contexts)
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755) //nolint:gosec // a copy of public files
		}
		text, err := os.ReadFile(name) //nolint:gosec // the user's own folder
		if err != nil {
			return err
		}
		for i, address := range addresses {
			text = bytes.ReplaceAll(text, []byte(address), fmt.Appendf(nil, "%s%d/", local, i))
		}
		if rel == filepath.Join("resources", "variables.py") {
			text = variable.ReplaceAllFunc(text, func(line []byte) []byte {
				name, _, _ := strings.Cut(string(line), " = ")
				if v, ok := values[name]; ok {
					return []byte(name + " = " + v)
				}
				return line
			})
		}
		return os.WriteFile(target, text, 0o644) //nolint:gosec // a copy of public files
	})
}

// serveContexts serves the suite's @contexts on loopback until the returned function
// is called.
func serveContexts(suite string) (port int, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	port = l.Addr().(*net.TCPAddr).Port
	local := fmt.Appendf(nil, "http://127.0.0.1:%d/", port)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Base(r.URL.Path)
		if other, ok := sameAs[name]; ok {
			name = other
		}
		text, err := os.ReadFile(filepath.Join(suite, "contexts", name)) //nolint:gosec // Base leaves no folder
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/ld+json")
		_, _ = w.Write(bytes.ReplaceAll(text, []byte("http://127.0.0.1:8999/"), local)) //nolint:gosec // JSON, for the hub
	})}
	go server.Serve(l) //nolint:errcheck // ends with Close
	return port, func() { server.Close() }, nil
}
