package hub

import (
	"log"
	"log/slog"
	"regexp"
	"strings"
)

// errorLog takes what net/http says of connections that go wrong. It names the reader's
// address, which no log keeps; and of encryption that does not come about, which anybody
// can cause, nothing is said at all.
type errorLog struct{ log *slog.Logger }

// fromSomewhere is how net/http names an address: "from 192.0.2.1:4000", "serving [::1]:80".
var fromSomewhere = regexp.MustCompile(`\b(from|from client|serving|to) (\[[^\]]*\]|[0-9.]+):\d+`)

// Write implements io.Writer, a line at a time.
func (e errorLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if !strings.HasPrefix(text, "http: TLS handshake error") {
		e.log.Error("a connection to the pages failed", slog.String("why", fromSomewhere.ReplaceAllString(text, "$1 a reader")))
	}
	return len(line), nil
}

func newErrorLog(to *slog.Logger) *log.Logger { return log.New(errorLog{to}, "", 0) }
