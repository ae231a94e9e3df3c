package entries

import (
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/room/decision"
)

// outcomes are the words that the public log has for a decision's states. What it has no
// word for is no entry.
var outcomes = map[decision.State]entry.Word{
	decision.Proposed: "proposed", decision.Accepted: "accepted", decision.Refused: "refused",
	decision.Applied: "applied", decision.Reverted: "reverted",
}

// DecisionValue is what the entry of a decision's step commits to, in canonical form
// (docs/formats/decisions.md).
type DecisionValue struct {
	At       canonical.Time `json:"at"`
	By       entry.Word     `json:"by"`
	Decision string         `json:"decision"`
	Outcome  entry.Word     `json:"outcome"`
	Reason   string         `json:"reason"`
	Service  string         `json:"service"`
}

// Decision is a step of a decision as the public log has it, and the value that its
// commitment opens to; nil for a step that the log has no word for.
func Decision(s *decision.Logged) (*entry.Decision, []byte, error) {
	outcome, ok := outcomes[s.State]
	if !ok {
		return nil, nil, nil
	}
	by := entry.Word("program")
	if s.Person {
		by = "person"
	}
	value, err := canonical.Encode(DecisionValue{
		At: canonical.At(s.At), By: by, Decision: s.ID, Outcome: outcome, Reason: s.Reason, Service: string(s.Service),
	})
	if err != nil {
		return nil, nil, err
	}
	return &entry.Decision{
		At: canonical.At(s.At), By: by, Commitment: canonical.Commit(s.Salt, value), Outcome: outcome, Service: s.Service,
	}, value, nil
}
