package console

import (
	"net/http"
	"net/url"

	"polity/city"
	"polity/console/frame"
	"polity/room/handover"
	"polity/room/incident"
)

// incidents are those of the queue's file.
func (c *Console) incidents() *incident.Book {
	b := incident.New(c.cfg.Alerts)
	b.Related = c.cfg.Related
	return b
}

func (c *Console) incidentsJSON(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	book := c.incidents()
	list, err := book.List(r.Context(), r.Who)
	if err != nil {
		return err
	}
	proposed := book.Proposals(r.Who)
	if proposed == nil {
		proposed = []incident.Proposal{}
	}
	c.Answer(w, http.StatusOK, struct {
		Incidents []incident.Incident `json:"incidents"`
		Proposed  []incident.Proposal `json:"proposed"`
	}{list, proposed})
	return nil
}

func (c *Console) incidentJSON(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	d, err := c.incidents().Incident(r.Context(), r.Who, r.PathValue("incident"))
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, d)
	return nil
}

func (c *Console) handleIncidents(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	var q incident.Request
	if err := c.readRequest(w, r, &q); err != nil {
		return err
	}
	out, err := c.incidents().Act(r.Context(), r.Who, q)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, out)
	return nil
}

// incidentExport is a ZIP to hand on. Colleagues stand in it by their roles.
func (c *Console) incidentExport(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	d, err := c.incidents().Incident(r.Context(), r.Who, r.PathValue("incident"))
	if err != nil {
		return err
	}
	people := r.URL.Query().Get("people")
	if people != "" && people != "roles" && people != "ids" {
		return city.Errorf(city.Invalid, "%s", c.Say("roomapi.people"))
	}
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+url.PathEscape(d.Incident.ID)+`.zip"`)
	h.Set("Cache-Control", "no-store")
	x := incident.Export{Words: func(key string) string { return c.Say("incident.export." + key) }, Title: c.AlertWords, Zone: c.Zone, City: c.about.Name, People: people == "ids"}
	return frame.Gone(x.Write(w, d))
}

func (c *Console) handoversJSON(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	page, err := handover.New(c.cfg.Alerts).List(r.Context(), r.Who, city.Slug(r.URL.Query().Get("desk")))
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, page)
	return nil
}

func (c *Console) handleHandovers(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	var q handover.Request
	if err := c.readRequest(w, r, &q); err != nil {
		return err
	}
	out, err := handover.New(c.cfg.Alerts).Act(r.Context(), r.Who, q)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, out)
	return nil
}
