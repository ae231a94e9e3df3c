package directory_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/directory"
	"polity/internal/strictyaml"
)

// What the directory says is what accounts take.
var _ = account.Directory(directory.Result{})

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestConfigurationInYAML(t *testing.T) {
	var c directory.Config
	if err := strictyaml.Decode("polity.yaml", []byte(`
name: City of Helsinki
issuer: https://login.city.example/realms/city
client_id: polity
client_secret_file: directory.secret
groups:
  - {group: police-control-room, body: police, roles: [safety-operator], areas: [centre]}
  - {group: computing, body: city-it, roles: [it, it]}
max_age: 8h
`), &c); err != nil {
		t.Fatal(err)
	}
	c.Resolve("/etc/polity")
	if err := c.Check(); err != nil || c.MaxAge != 8*time.Hour || c.ClientSecretFile != "/etc/polity/directory.secret" || c.Groups[0].Roles[0] != access.SafetyOperator {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestConfigurationsThatAreWrong(t *testing.T) {
	for want, change := range map[string]func(*directory.Config){
		"issuer: the directory's address is missing":     func(c *directory.Config) { c.Issuer = "" },
		"would be asked without encryption":              func(c *directory.Config) { c.Issuer = "http://login.city.example" },
		`"http://localhost:8080" would be asked without`: func(c *directory.Config) { c.Issuer = "http://localhost:8080" },
		"is no issuer":                          func(c *directory.Config) { c.Issuer = "https://login.city.example/?realm=city" },
		`"login.city.example" is no issuer`:     func(c *directory.Config) { c.Issuer = "login.city.example" },
		"client_id is missing":                  func(c *directory.Config) { c.ClientID = "" },
		"client_secret_file is missing":         func(c *directory.Config) { c.ClientSecretFile = "" },
		"max_age: 1s is too short":              func(c *directory.Config) { c.MaxAge = time.Second },
		"max_age: -1h0m0s is too short":         func(c *directory.Config) { c.MaxAge = -time.Hour },
		"exclude each other":                    func(c *directory.Config) { c.MaxAge, c.AnyAge = time.Hour, true },
		"offline_access":                        func(c *directory.Config) { c.Scopes = []string{"offline_access"} },
		`"a b" is no scope`:                     func(c *directory.Config) { c.Scopes = []string{"a b"} },
		"groups is missing":                     func(c *directory.Config) { c.Groups = nil },
		`the group "safety" stands there twice`: func(c *directory.Config) { c.Groups = append(c.Groups, c.Groups[0]) },
		"group is missing":                      func(c *directory.Config) { c.Groups[0].Group = " " },
		"body is missing":                       func(c *directory.Config) { c.Groups[0].Body = "" },
		"body: ":                                func(c *directory.Config) { c.Groups[0].Body = "City Police" },
		"roles is missing":                      func(c *directory.Config) { c.Groups[0].Roles = nil },
		`there is no role "safety-operato"; did you mean "safety-operator"?`: func(c *directory.Config) { c.Groups[0].Roles[0] = "safety-operato" },
		`there is no role "admin"; there are traffic-operator`:               func(c *directory.Config) { c.Groups[0].Roles[0] = "admin" },
		"groups[1]: the roles it and evidence-officer exclude each other":    func(c *directory.Config) { c.Groups[1].Roles = []access.Role{access.EvidenceOfficer, access.IT} },
		"groups[3]: the roles it and data-protection exclude each other":     func(c *directory.Config) { c.Groups[3].Roles = append(c.Groups[3].Roles, access.DataProtection) },
		"groups[3]: the role it goes together with no area":                  func(c *directory.Config) { c.Groups[3].Areas = slugs("city") },
		`groups[0]: "safety": `: func(c *directory.Config) { c.Groups[0].Areas = slugs("Not an area") },
	} {
		c := config(t, "https://login.city.example")
		change(&c)
		err := c.Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if _, err := directory.Open(c, directory.Deps{Back: back}); err == nil {
			t.Errorf("%s: it opens all the same", want)
		}
	}
}

func TestNamesThatTheCityDoesNotHave(t *testing.T) {
	c := config(t, "https://login.city.example")
	if err := errors.Join(c.CheckNames(nil, nil), c.CheckNames(slugs("police", "city-it"), slugs("centre", "harbour"))); err != nil {
		t.Error(err)
	}
	c.Groups[0].Areas = slugs("city")
	err := c.CheckNames(slugs("police"), slugs("centre"))
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), `groups[1]: "harbour": the city has no area "harbour"`) || !strings.Contains(err.Error(), `groups[3]: "computers": the city has no body "city-it"`) {
		t.Error(err)
	}
}

func TestWhatAHubMustBring(t *testing.T) {
	good := config(t, "https://login.city.example")
	for want, c := range map[string]struct {
		file, back string
	}{
		"can be read by others":     {file(t, "x", 0o644), back},
		"does not hold one line":    {file(t, "x\ny\n", 0o600), back},
		"no such file":              {"/nowhere/secret", back},
		"without encryption":        {good.ClientSecretFile, "http://hub.city.example/back"},
		`lead back to "/back"`:      {good.ClientSecretFile, "/back"},
		`lead back to "http://192.`: {good.ClientSecretFile, "http://192.0.2.1/back"},
	} {
		own := good
		own.ClientSecretFile = c.file
		if _, err := directory.Open(own, directory.Deps{Back: c.back}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	noCA := good
	noCA.CAFile = file(t, "nothing", 0o600)
	if _, err := directory.Open(noCA, directory.Deps{Back: back}); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("a file without a certificate: %v", err)
	}
}

// The cookie is the hub's alone, goes with nothing but a page that is opened, and is
// not readable.
func TestTheCookieOfASignIn(t *testing.T) {
	l := newLiar(t)
	for address, want := range map[string]string{back: "polity-directory", "https://hub.city.example/back": "__Host-polity-directory"} {
		d, err := directory.Open(config(t, l.URL), directory.Deps{Back: address})
		if err != nil {
			t.Fatal(err)
		}
		s := begin(t, d, "/")
		if err := s.Cookie.Valid(); err != nil || s.Cookie.Name != want || !s.Cookie.HttpOnly || s.Cookie.Path != "/" || s.Cookie.Domain != "" || s.Cookie.Secure != strings.HasPrefix(address, "https") || s.Cookie.SameSite != http.SameSiteLaxMode || s.Cookie.MaxAge != 600 {
			t.Errorf("%+v, %v", s.Cookie, err)
		}
		for _, name := range []string{"state", "nonce"} {
			if v := param(t, s.URL, name); len(v) < 26 || strings.Contains(s.Cookie.Value, v) || strings.Contains(s.Cookie.Value, b64(v)) {
				t.Errorf("%s %q stands open in the cookie %q", name, v, s.Cookie.Value)
			}
		}
		if param(t, s.URL, "code_challenge_method") != "S256" || param(t, s.URL, "redirect_uri") != address || param(t, s.URL, "max_age") != "43200" {
			t.Errorf("asks by %s", s.URL)
		}
		if second := begin(t, d, "/"); second.URL == s.URL || second.Cookie.Value == s.Cookie.Value {
			t.Error("two sign-ins begin the same way")
		}
	}
}
