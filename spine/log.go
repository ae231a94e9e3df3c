package spine

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// serverLog passes on what the NATS server says: its notices as debug, the same
// warning or error at most once a minute.
type serverLog struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, said: map[string]time.Time{}}
}

func (l *serverLog) say(level slog.Level, format string, args []any) {
	l.mu.Lock()
	now := time.Now()
	last, again := l.said[format]
	if len(l.said) > 200 {
		clear(l.said)
	}
	if again = again && now.Sub(last) < time.Minute; !again {
		l.said[format] = now
	}
	l.mu.Unlock()
	if !again {
		l.log.Log(nil, level, "message spine", slog.String("text", fmt.Sprintf(format, args...))) //nolint:staticcheck // the server has no context
	}
}

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, args ...any)  { l.say(slog.LevelDebug, format, args) }
func (l *serverLog) Errorf(format string, args ...any) { l.say(slog.LevelWarn, format, args) }
func (l *serverLog) Fatalf(format string, args ...any) { l.say(slog.LevelError, format, args) }
