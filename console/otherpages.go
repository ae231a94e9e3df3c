package console

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"polity/access"
	"polity/console/frame"
	"polity/service"
)

type servicesView struct{ Services []serviceRow }

type serviceRow struct {
	Path, Title, Purpose, State string
	Sign                        frame.Sign
	Simulated                   bool
}

var healths = map[service.Health]string{service.Well: "live", service.Trouble: "attention", service.Stopped: "stopped"}

// servicesPage lists the services that run, each with its state in one sentence.
func (c *Console) servicesPage(w http.ResponseWriter, r *frame.Request) error {
	var v servicesView
	for _, name := range access.Desks() {
		s := c.cfg.Services[name]
		if s == nil {
			continue
		}
		key, now := "services."+string(name)+".", s.State()
		v.Services = append(v.Services, serviceRow{
			Path: "/services/" + string(name), Title: c.Say(key + "title"), Purpose: c.Say(key + "purpose"),
			State: c.Say(key+now.Message, now.Values...), Sign: frame.Sign{Sign: healths[now.Health], Word: c.Say("services.health." + string(now.Health))}, Simulated: now.Simulated,
		})
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "services", Title: c.Say("services.title"), Data: v})
}

type checkView struct {
	Title    string
	Words    template.HTML
	Commands []string
}

// checkPage lists what anyone can check today, numbered messages in the texts:
// check.1.title, check.1.words and, where there is a command, check.1.command.
func (c *Console) checkPage(w http.ResponseWriter, r *frame.Request) error {
	var data struct {
		Checks         []checkView
		NotYet, Limits []string
	}
	for i := 1; c.Forms("check."+strconv.Itoa(i)+".title") != nil; i++ {
		key := "check." + strconv.Itoa(i)
		v := checkView{Title: c.Say(key + ".title"), Words: c.HTML(key + ".words")}
		if c.Forms(key+".command") != nil {
			v.Commands = strings.Split(c.Say(key+".command"), "\n")
		}
		data.Checks = append(data.Checks, v)
	}
	data.NotYet = c.numbered("check.not.")
	data.Limits = c.numbered("check.limits.")
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "check", Title: c.Say("check.title"), Data: data})
}

func (c *Console) numbered(prefix string) (all []string) {
	for i := 1; c.Forms(prefix+strconv.Itoa(i)) != nil; i++ {
		all = append(all, c.Say(prefix+strconv.Itoa(i)))
	}
	return all
}
