package certs

import (
	"strings"
	"testing"

	"polity/city"
	"polity/internal/strictyaml"
)

func TestConfigurations(t *testing.T) {
	for text, want := range map[string]string{ // want "": in order
		"": "",
		"{cert_file: a.crt, key_file: a.key, redirect: '0.0.0.0:80'}":        "",
		"authority: {folder: authority, hosts: [hub.city.example]}":          "",
		"authority: {folder: authority, hosts: [localhost]}":                 "",
		"acme: {hosts: [hub.city.example], agree_terms: true, folder: acme}": "",
		"behind_proxy: [10.0.0.5, '2001:db8::5']":                            "",
		"cert_file: a.crt": "belong together",
		"key_file: a.key":  "belong together",
		"{cert_file: a, key_file: a, authority: {folder: a, hosts: [a]}}":                                          "exclude each other",
		"{acme: {hosts: [hub.city.example], agree_terms: true, folder: acme}, authority: {folder: a, hosts: [a]}}": "exclude each other",
		"authority: {hosts: [hub.city.example]}":                                                                   "authority.folder is missing",
		"authority: {folder: a}":                                                                                   "authority.hosts is missing",
		"authority: {folder: a, hosts: [10.0.0.1]}":                                                                "passkeys need a name",
		"authority: {folder: a, hosts: [Hub.City.example]}":                                                        "small letters",
		"authority: {folder: a, hosts: ['hub.city.example:443']}":                                                  "without port",
		"authority: {folder: a, hosts: [a, a]}":                                                                    "twice",
		"acme: {hosts: [hub.city.example], folder: acme}":                                                          "terms of service",
		"acme: {hosts: [hub], agree_terms: true, folder: acme}":                                                    "no name of the internet",
		"acme: {hosts: ['*.city.example'], agree_terms: true, folder: acme}":                                       "no name of a host",
		"acme: {hosts: [hub.city.example], agree_terms: true}":                                                     "folder is missing",
		"acme: {hosts: [hub.city.example], agree_terms: true, folder: a, email: it}":                               "no address of mail",
		"acme: {hosts: [hub.city.example], agree_terms: true, folder: a, directory: 'http://acme.example'}":        "no address of an ACME server",
		"redirect: '0.0.0.0:80'":                                                                                   "no HTTPS to lead on to",
		"{cert_file: a, key_file: a, redirect: '80'}":                                                              "not host:port",
		"behind_proxy: [0.0.0.0]":                                                                                  "no address of one proxy",
		"behind_proxy: [proxy.city.example]":                                                                       "behind_proxy: ",
		"cert_fil: a":                                                                                              `did you mean "cert_file"`,
	} {
		var c Config
		err := strictyaml.Decode("polity.yaml", []byte(text), &c)
		if err == nil {
			err = c.Check()
			if err != nil && city.KindOf(err) == city.Internal && !strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: of kind %v: %v", text, city.KindOf(err), err)
			}
		} else if want == "behind_proxy: " {
			want = "polity.yaml:1"
		}
		if (want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestNothingIsServedInTheClear(t *testing.T) {
	local := Config{Authority: &Local{Folder: "a", Hosts: []string{"hub.city.example"}}}
	var proxy Config
	if err := strictyaml.Decode("x", []byte("behind_proxy: [10.0.0.5]"), &proxy); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		listen string
		tls    Config
		good   bool
	}{
		{"127.0.0.1:8080", Config{}, true},
		{"[::1]:8080", Config{}, true},
		{"localhost:8080", Config{}, true},
		{"0.0.0.0:8080", Config{}, false},
		{"192.0.2.1:8080", Config{}, false},
		{"[::]:8080", Config{}, false},
		{"0.0.0.0:443", local, true},
		{"10.0.0.1:8080", proxy, true},
		{":8080", local, false}, // on what?
		{"hub.city.example:443", local, false},
		{"0.0.0.0", local, false},
	} {
		if err := c.tls.CheckListen(c.listen); (err == nil) != c.good || (err != nil && city.KindOf(err) != city.Invalid) {
			t.Errorf("%s with %+v: %v", c.listen, c.tls, err)
		}
		if _, err := Open(c.tls, Deps{Listen: c.listen}); err == nil && !c.good {
			t.Errorf("%s with %+v opens", c.listen, c.tls)
		}
	}
}

func TestTheAddressThatBrowsersKnow(t *testing.T) {
	const local, files, proxy = "authority: {folder: a, hosts: [hub.city.example]}", "{cert_file: a, key_file: a}", "behind_proxy: [10.0.0.5]"
	for _, c := range []struct {
		origin, tls, want string
	}{
		{"", "", ""},
		{"http://localhost:8080", "", ""},
		{"https://hub.city.example", local, ""},
		{"https://HUB.city.example:8443", local, ""},
		{"https://hub.city.example", files, ""},
		{"https://hub.city.example", proxy, ""},
		{"https://hub.city.example", "", "behind_proxy"},
		{"https://other.city.example", local, "the certificate is for hub.city.example"},
		{"https://other.city.example", "acme: {hosts: [hub.city.example], agree_terms: true, folder: a}", "the certificate is for"},
		{"http://localhost:8080", local, "write https://"},
	} {
		var own Config
		if err := strictyaml.Decode("x", []byte(c.tls), &own); err != nil {
			t.Fatal(err)
		}
		err := own.CheckOrigin(c.origin)
		if (err == nil) != (c.want == "") || (err != nil && (!strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid)) {
			t.Errorf("%s with %q: %v", c.origin, c.tls, err)
		}
	}
}
