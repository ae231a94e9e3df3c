package link

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
)

const (
	maxLogLine  = 4096 // bytes of a log line that are read; the rest is left out
	maxLogAttrs = 20
)

// forwardLog writes a camera process's log into the edge's, line by line.
func forwardLog(in io.Reader, log *slog.Logger) {
	r := bufio.NewReaderSize(in, maxLogLine)
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			forwardLine(line, log)
		}
		for err == bufio.ErrBufferFull { //nolint:errorlint // ReadSlice returns it bare
			_, err = r.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

// forwardLine takes the object that slog's JSON handler writes; a line that is
// not one (a panic, say) is passed on as text.
func forwardLine(line []byte, log *slog.Logger) {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		if text := strings.TrimSpace(string(line)); text != "" {
			log.Warn("camera process", slog.String("text", text))
		}
		return
	}
	level := slog.LevelInfo
	if text, ok := fields[slog.LevelKey].(string); ok && level.UnmarshalText([]byte(text)) != nil {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.Any("text", fields[slog.MessageKey])}
	for key, value := range fields {
		if key != slog.LevelKey && key != slog.MessageKey && key != slog.TimeKey && len(attrs) < maxLogAttrs {
			attrs = append(attrs, slog.Any(key, value))
		}
	}
	log.LogAttrs(context.Background(), level, "camera process", attrs...)
}
