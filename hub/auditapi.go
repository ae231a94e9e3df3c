package hub

import (
	"net/http"
	"strconv"

	"polity/access"
	"polity/city"
	"polity/ledger/canonical"
	"polity/release/token"
)

// AuditsPath is where whoever watches cases fetches files for a body's audit of what
// recorders seal to it, and brings its answers (docs/formats/docket.md).
const AuditsPath = "/api/v1/audits"

const auditShares = 50 // unless somebody wants another number

// getAudit writes an audit file of a day: ?day=2026-12-01&shares=50. What is in it only
// the body can open, and nobody chose it.
func (c *cases) getAudit(w http.ResponseWriter, r *http.Request, who access.Who) error {
	body, err := bodyOf(r)
	if err != nil {
		return err
	}
	day, n := canonical.Day(r.FormValue("day")), auditShares
	if day == "" {
		day = canonical.Day(canonical.At(c.hub.now().AddDate(0, 0, -1))[:len("2026-12-01")])
	}
	if text := r.FormValue("shares"); text != "" {
		if n, err = strconv.Atoi(text); err != nil {
			return city.Errorf(city.Invalid, "shares is a number")
		}
	}
	if err := c.pace.take(fetching, who); err != nil {
		return err
	}
	done, err := c.carrying(w, r)
	if err != nil {
		return err
	}
	defer done()
	attach(w, "audit-"+string(day)+"-"+string(body)+".polrel")
	_, err = c.docket.AuditFile(r.Context(), body, day, n, w)
	return err
}

// postAudit takes a body's answer, whose entry goes to the public log.
func (c *cases) postAudit(w http.ResponseWriter, r *http.Request, who access.Who) error {
	if err := c.pace.take(bringing, who); err != nil {
		return err
	}
	e, err := c.docket.Audited(r.Context(), http.MaxBytesReader(w, r.Body, token.MaxFile))
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusCreated, map[string]any{"body": e.Body, "week": e.Week, "checked": e.Checked, "wrong": e.Wrong})
}

// HoldsPath is where an office's officer asks bodies to hold shares beyond their retention,
// and brings their answers.
const HoldsPath = "/api/v1/holds"

// postHold makes a request to hold of a submission without a token. Nobody gets footage by
// it; what is held may be asked for like everything else.
func (c *cases) postHold(w http.ResponseWriter, r *http.Request, who access.Who) error {
	body, err := bodyOf(r)
	if err != nil {
		return err
	}
	s, err := token.ReadSubmission(http.MaxBytesReader(w, r.Body, token.MaxSubmission))
	if err != nil {
		return err
	}
	if err := c.pace.take(fetching, who); err != nil {
		return err
	}
	done, err := c.carrying(w, r)
	if err != nil {
		return err
	}
	defer done()
	attach(w, "hold-"+string(body)+".polrel")
	_, err = c.docket.HoldFile(r.Context(), body, s, w)
	return err
}

// postHeld takes a body's answer to a request to hold.
func (c *cases) postHeld(w http.ResponseWriter, r *http.Request, who access.Who) error {
	if err := c.pace.take(bringing, who); err != nil {
		return err
	}
	e, err := c.docket.Held(r.Context(), http.MaxBytesReader(w, r.Body, token.MaxFile))
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusCreated, map[string]any{"body": e.Body, "count": e.Count, "until": e.Until})
}

// seen are sizes of the log that devices of a body say they saw last: ?seen=9.
func seen(r *http.Request) (sizes []int64, err error) {
	for _, text := range r.URL.Query()["seen"] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || len(sizes) == 8 {
			return nil, city.Errorf(city.Invalid, "seen is a number of entries, at most eight times")
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
