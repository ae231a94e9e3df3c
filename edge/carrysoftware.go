package edge

import (
	"log/slog"

	"polity/internal/program"
	"polity/ledger/canonical"
	"polity/ledger/entry"
)

// tellSoftware says to the public log which program this edge runs. The log takes it where
// it names another.
func (e *edge) tellSoftware() {
	if e.version == "" {
		return
	}
	s := &entry.Software{At: canonical.At(e.now()), Component: "edge", Edge: e.cfg.Name, Version: entry.Version("v" + e.version)}
	hash, err := program.Hash()
	if err == nil {
		s.Hash = hash
		err = e.carry.put("software"+statementSuffix, s)
	}
	if err != nil {
		e.log.Error("which program runs could not be written down for the public log", slog.Any("error", err))
	}
}
