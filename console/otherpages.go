package console

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"polity/access"
	"polity/service"
)

type servicesView struct{ Services []serviceRow }

type serviceRow struct {
	Path, Title, Purpose, State string
	Sign                        sign
	Simulated                   bool
}

var healths = map[service.Health]string{service.Well: "live", service.Trouble: "attention", service.Stopped: "stopped"}

// servicesPage lists the services that run, each with its state in one sentence.
func (c *Console) servicesPage(w http.ResponseWriter, r *request) error {
	var v servicesView
	for _, name := range access.Desks() {
		s := c.cfg.Services[name]
		if s == nil {
			continue
		}
		key, now := "services."+string(name)+".", s.State()
		v.Services = append(v.Services, serviceRow{
			Path: "/services/" + string(name), Title: c.say.Say(key + "title"), Purpose: c.say.Say(key + "purpose"),
			State: c.say.Say(key+now.Message, now.Values...), Sign: sign{healths[now.Health], c.say.Say("services.health." + string(now.Health))}, Simulated: now.Simulated,
		})
	}
	return c.render(w, r, http.StatusOK, page{Template: "services", Title: c.say.Say("services.title"), Data: v})
}

type checkView struct {
	Title    string
	Words    template.HTML
	Commands []string
}

// checkPage lists what anyone can check today, numbered messages in the texts:
// check.1.title, check.1.words and, where there is a command, check.1.command.
func (c *Console) checkPage(w http.ResponseWriter, r *request) error {
	var data struct {
		Checks         []checkView
		NotYet, Limits []string
	}
	for i := 1; c.say.Forms("check."+strconv.Itoa(i)+".title") != nil; i++ {
		key := "check." + strconv.Itoa(i)
		v := checkView{Title: c.say.Say(key + ".title"), Words: c.html(key + ".words")}
		if c.say.Forms(key+".command") != nil {
			v.Commands = strings.Split(c.say.Say(key+".command"), "\n")
		}
		data.Checks = append(data.Checks, v)
	}
	data.NotYet = c.numbered("check.not.")
	data.Limits = c.numbered("check.limits.")
	return c.render(w, r, http.StatusOK, page{Template: "check", Title: c.say.Say("check.title"), Data: data})
}

func (c *Console) numbered(prefix string) (all []string) {
	for i := 1; c.say.Forms(prefix+strconv.Itoa(i)) != nil; i++ {
		all = append(all, c.say.Say(prefix+strconv.Itoa(i)))
	}
	return all
}
