package console

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

func (c *Console) servicesPage(w http.ResponseWriter, r *request) error {
	data := struct{ Services []Service }{c.about.Services}
	return c.render(w, r, http.StatusOK, page{Template: "services", Title: c.say.Say("services.title"), Data: data})
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
