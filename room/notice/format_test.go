package notice

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polity/internal/strictyaml"
)

// TestExamplesOfTheFormat holds docs/formats/notices.md to the code: each message there is
// one, with no member that the code does not know or leaves out.
func TestExamplesOfTheFormat(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/notices.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		d := json.NewDecoder(bytes.NewReader(b[1]))
		d.DisallowUnknownFields()
		var m Message
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%s: %v", b[1], err)
		}
		var want, got any
		if err := json.Unmarshal(b[1], &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(m.encode(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestKeysOfTheFormat looks for every key of the configuration on that page.
func TestKeysOfTheFormat(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/notices.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"address", "hosts", "mail", "host", "port", "tls", "user", "password_file", "from", "ca_file", "push", "off", "contact", "per_minute", "retries", "channels",
		"name", "webhook", "mqtt", "desks", "kinds", "priority", "when", "after", "url", "secret_file", "key_id", "to", "broker", "topic",
	} {
		if !bytes.Contains(page, []byte("`"+key+"`")) {
			t.Errorf("the page does not name %s", key)
		}
	}
}

// FuzzConfig: a configuration is taken or refused, and what is taken keeps to the bounds.
func FuzzConfig(f *testing.F) {
	f.Add("channels:\n  - {name: d, webhook: {url: https://d.city.example/x, secret_file: s}}")
	f.Add("hosts: [10.0.0.7]\nchannels:\n  - {name: d, mqtt: {broker: mqtt://10.0.0.7, topic: a}}")
	f.Add("mail: {host: smtp.city.example, from: p@c.example}\nchannels:\n  - {name: d, mail: {to: [d@c.example]}}")
	f.Fuzz(func(t *testing.T, text string) {
		var c Config
		if strictyaml.Decode("x.yaml", []byte(text), &c) != nil || c.Check() != nil {
			return
		}
		for _, x := range c.Channels {
			r := x.withDefaults()
			if r.Priority < 1 || r.Priority > Least || r.After <= 0 || x.PerMinute < 0 || x.PerMinute > mostPerMinute || len(r.When) == 0 {
				t.Errorf("%+v", x)
			}
			if x.MQTT != nil && x.MQTT.Broker[:5] != "mqtts" && len(c.Hosts) == 0 {
				t.Errorf("a broker in the clear: %+v", x.MQTT)
			}
			if x.Mail != nil && slices.Contains(x.Mail.To, "") {
				t.Errorf("an empty mailbox")
			}
		}
	})
}
