package corridor

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"

	"polity/internal/durable"
)

// Files are what a supervisor in another program needs, as hub.services.traffic.rsmp names it.
type Files struct{ CA, Cert, Key, Code string }

// Write puts them into a folder that is there.
func (w *World) Write(dir string) (Files, error) {
	f := Files{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "code")}
	mine := w.server.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(mine.PrivateKey)
	if err != nil {
		return f, fmt.Errorf("the supervisor's key: %w", err)
	}
	block := func(kind string, raw []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}) }
	return f, errors.Join(
		durable.WriteFile(f.CA, block("CERTIFICATE", w.top.Raw), 0o600),
		durable.WriteFile(f.Cert, block("CERTIFICATE", mine.Certificate[0]), 0o600),
		durable.WriteFile(f.Key, block("PRIVATE KEY", key), 0o600),
		durable.WriteFile(f.Code, []byte(Code+"\n"), 0o600),
	)
}
