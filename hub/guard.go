package hub

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"polity/access"
	"polity/access/account"
)

// guarded has the policies decide about each request before next sees it.
func (h *Hub) guarded(do access.Action, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := h.atGate(r)
		switch {
		case errors.Is(err, account.ErrLeaked):
			h.refuse(w, r, http.StatusBadRequest, err.Error())
			return
		case err != nil:
			h.refuse(w, r, http.StatusServiceUnavailable, "It cannot be told at the moment who asks.")
			return
		}
		d := h.access.Decide(who, do, access.City(), access.Circumstances{Loopback: access.OnLoopback(r)})
		switch {
		case d.Allowed:
			next.ServeHTTP(w, r)
		case who.Kind == access.Public:
			w.Header().Set("WWW-Authenticate", `Bearer realm="polity"`) // RFC 6750
			h.refuse(w, r, http.StatusUnauthorized, d.Why+" Send a token: Authorization: Bearer polity_...")
		default:
			h.refuse(w, r, http.StatusForbidden, d.Why)
		}
	})
}

// refuse answers with a problem (RFC 9457).
func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	text, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, why})
	if err != nil {
		text = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // a reader that left needs no answer
	}
}

// mayUseData reports whether a request may read, or with another method change, all of
// the city's data.
func (h *Hub) mayUseData(r *http.Request) bool {
	do := access.WriteData
	if slices.Contains(reads, r.Method) {
		do = access.ReadData
	}
	who, err := h.atGate(r)
	return err == nil && h.access.Decide(who, do, access.City(), access.Circumstances{Loopback: access.OnLoopback(r)}).Allowed
}

// MachineTokenFile is the file in the hub's data folder with the token by which commands
// of this machine's own operators reach a hub that runs: whoever may read the file may
// read the data beside it, too. It counts on loopback only, and changes with every start.
const MachineTokenFile = "machine.token"

// atGate finds out who uses an interface for programs.
func (h *Hub) atGate(r *http.Request) (access.Who, error) {
	loopback := access.OnLoopback(r)
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && loopback && h.machine.is(token) {
		return access.Who{
			Kind: access.Program, ID: "machine", Name: "a command on the hub's machine", Session: "machine",
			Scope: []access.Action{access.RunSystem, access.SeeMetrics, access.ReadData, access.WriteData},
		}, nil
	}
	who, err := h.access.Who(r)
	if err != nil || who.Kind != access.Public || !loopback || !h.cfg.Access.TrustLoopback || r.Header.Get("Authorization") != "" {
		return who, err
	}
	return access.Who{
		Kind: access.Program, ID: "loopback", Name: "a program on the hub's machine", Session: "loopback",
		Scope: []access.Action{access.ReadData, access.WriteData, access.SeeMetrics},
	}, nil
}

// machineToken is the token of this start.
type machineToken [sha256.Size]byte

func (m *machineToken) is(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return *m != machineToken{} && subtle.ConstantTimeCompare(sum[:], m[:]) == 1
}
