package main

import (
	"bytes"
	_ "embed" // the template
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/certs"
	"polity/internal/durable"
	"polity/register"
)

//go:embed hubinit.yaml
var hubTemplate string

// newHub is a hub that is to be made in a folder.
type newHub struct {
	Dir, City, Host, Zone string
	Port                  int
	cityKeyFile           string // of a key that is there already; empty: one is made

	TLS                            bool
	CityText, File, Listen, Origin string // for the template
	CityKey                        string
}

func hubInitCommand() *cobra.Command {
	var h newHub
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a new hub: configuration, keys, certificate, folders",
		Long: `Makes what a new hub needs in a folder: polity.yaml, explained line by line; the key
that signs cameras' entries; and, with --host, a certificate authority of your own with
a certificate for the pages, which renews itself. The authority can sign for that host
alone. It changes nothing that is there, and says what to do next.

Without --host the hub is for this machine alone, at http://localhost.`,
		Example: `  polity hub init --city Helsinki --host hub.city.example --zone Europe/Helsinki
  polity hub init --dir try-out --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("city") && strings.TrimSpace(h.City) == "" {
				return usageError{fmt.Errorf("--city is empty: give the city's name")}
			}
			if err := h.fill(); err != nil {
				return usageError{err}
			}
			if dryRun {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "Nothing was made. Without --dry-run there would be, in %s:\n%s", h.Dir, h.contents())
				return errors.Join(err, h.free())
			}
			made, err := h.make(time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), made)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&h.City, "city", "City", "the city's name, at the head of every page")
	f.StringVar(&h.Dir, "dir", "polity-hub", "folder to make it in")
	f.StringVar(&h.Host, "host", "localhost", "name under which people will reach the hub, such as hub.city.example")
	f.IntVar(&h.Port, "port", 0, "port of the pages (8443; 8080 for localhost)")
	f.StringVar(&h.Zone, "zone", "UTC", "the city's time zone, such as Europe/Helsinki")
	f.StringVar(&h.cityKeyFile, "city-key", "", "public key of the office that decides about cameras, if it has one already (FILE.pub of 'polity camera key')")
	f.BoolVar(&dryRun, "dry-run", false, "say what would be made, and make nothing")
	return cmd
}

// fill works out what follows from the flags and says what is wrong with them.
func (h *newHub) fill() error {
	if strings.ContainsFunc(h.City, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(h.City) > 100 {
		return fmt.Errorf("--city: a name of one line and at most 100 characters")
	}
	if err := certs.CheckHost(h.Host); err != nil {
		return fmt.Errorf("--host: %w", err)
	}
	if _, err := time.LoadLocation(h.Zone); err != nil || h.Zone == "" {
		return fmt.Errorf("--zone: %q is no time zone; write one such as Europe/Helsinki", h.Zone)
	}
	if h.Port < 0 || h.Port > 65535 {
		return fmt.Errorf("--port: %d is no port", h.Port)
	}
	h.TLS = h.Host != "localhost"
	scheme, usual, on := "http", 80, "127.0.0.1"
	if h.TLS {
		scheme, usual, on = "https", 443, "0.0.0.0"
	}
	if h.Port == 0 {
		h.Port = map[bool]int{false: 8080, true: 8443}[h.TLS]
	}
	h.Listen = on + ":" + strconv.Itoa(h.Port)
	h.Origin = scheme + "://" + h.Host
	if h.Port != usual {
		h.Origin += ":" + strconv.Itoa(h.Port)
	}
	h.CityText = strings.ToValidUTF8(h.City, "")
	h.File = filepath.Join(h.Dir, "polity.yaml")
	if h.cityKeyFile == "" {
		return nil
	}
	text, err := os.ReadFile(h.cityKeyFile)
	if err != nil {
		return fmt.Errorf("--city-key: %w", err)
	}
	h.CityKey = strings.TrimSpace(string(text))
	if strings.HasPrefix(h.CityKey, "PRIVATE") {
		return fmt.Errorf("--city-key: %s is the private key, which must not come to the hub; give %s.pub", h.cityKeyFile, h.cityKeyFile)
	}
	if _, err := register.ParseKeys([]string{h.CityKey}); err != nil {
		return fmt.Errorf("--city-key: %w", err)
	}
	return nil
}

// piece is a file or folder of a new hub.
type piece struct{ name, what string }

func (h *newHub) pieces() []piece {
	list := []piece{
		{"polity.yaml", "the configuration, to read and change"},
		{"register/", "for the signed entries of cameras"},
		{"data/", "for everything that the hub keeps"},
	}
	if h.cityKeyFile == "" {
		list = append(list, piece{"city.key", "signs the entries of cameras; it has to leave this machine, see below"}, piece{"city.key.pub", "its public part, which stands in polity.yaml"})
	}
	if h.TLS {
		list = append(list, piece{"authority/", "your certificate authority, and the certificate of " + h.Host})
	}
	return list
}

func (h *newHub) contents() string {
	var b strings.Builder
	for _, p := range h.pieces() {
		fmt.Fprintf(&b, "  %-13s %s\n", p.name, p.what)
	}
	return b.String()
}

// free reports whether nothing is there that would be overwritten.
func (h *newHub) free() error {
	if info, err := os.Stat(h.Dir); err == nil && !info.IsDir() {
		return city.Errorf(city.Conflict, "%s is there already and is no folder; name another with --dir", h.Dir)
	}
	var there []string
	for _, p := range h.pieces() {
		if _, err := os.Lstat(filepath.Join(h.Dir, p.name)); err == nil {
			there = append(there, p.name)
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if len(there) > 0 {
		return city.Errorf(city.Conflict, "%s has %s already and was left as it was; name another folder with --dir", h.Dir, strings.Join(there, ", "))
	}
	return nil
}

// make makes it all, or nothing, and returns what to do next.
func (h *newHub) make(now time.Time) (words string, err error) {
	if err := h.free(); err != nil {
		return "", err
	}
	var made []string // to take away again
	defer func() {
		if err != nil {
			for _, p := range slices.Backward(made) {
				err = errors.Join(err, os.RemoveAll(p))
			}
		}
	}()
	note := func(path string, err error) error {
		if err == nil {
			made = append(made, path)
		}
		return err
	}
	folder := func(name string, mode os.FileMode) error {
		path := filepath.Join(h.Dir, name)
		if err := note(path, os.Mkdir(path, mode)); err != nil {
			return err
		}
		return os.Chmod(path, mode) // whatever the umask
	}
	file := func(name, text string, mode os.FileMode) error {
		path := filepath.Join(h.Dir, name)
		return note(path, writeNew(path, []byte(text), mode))
	}
	if _, err := os.Stat(h.Dir); errors.Is(err, os.ErrNotExist) {
		if err := note(h.Dir, os.MkdirAll(h.Dir, 0o755)); err != nil { //nolint:gosec // everyone may see that it is there; what is secret in it has modes of its own
			return "", err
		}
	}
	if err := errors.Join(folder("register", 0o755), folder("data", 0o700)); err != nil {
		return "", err
	}
	if h.cityKeyFile == "" {
		private, public, err := register.NewKey(h.Host + "/cameras")
		if err != nil {
			return "", err
		}
		h.CityKey = public
		if err := errors.Join(file("city.key", private+"\n", 0o600), file("city.key.pub", public+"\n", 0o644)); err != nil {
			return "", err
		}
	}
	var hexa, spoken string
	if h.TLS {
		if err := folder("authority", 0o700); err != nil {
			return "", err
		}
		ca, err := certs.NewAuthority(filepath.Join(h.Dir, "authority"), h.CityText, []string{h.Host}, now)
		if err != nil {
			return "", err
		}
		hexa, spoken = certs.Fingerprint(ca)
	}
	text, err := h.configuration()
	if err != nil {
		return "", err
	}
	if err := file("polity.yaml", text, 0o644); err != nil {
		return "", err
	}
	return h.next(hexa, spoken), durable.SyncDir(h.Dir)
}

// configuration is polity.yaml. It is read as the hub would before it is written.
func (h *newHub) configuration() (string, error) {
	quote := func(s string) (string, error) { // as JSON, which YAML contains
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(s)
		return strings.TrimSpace(b.String()), err
	}
	t, err := template.New("polity.yaml").Funcs(template.FuncMap{"quote": quote}).Parse(hubTemplate)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, h); err != nil {
		return "", err
	}
	if _, err := parseConfig(h.File, b.Bytes()); err != nil {
		return "", err
	}
	return b.String(), nil
}

// next is what was made and what to do with it.
func (h *newHub) next(hexa, spoken string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Made in %s:\n%s\nNext:\n\n", h.Dir, h.contents())
	fmt.Fprintf(&b, `1. Start the hub, and enrol as its first administrator with the code that it shows.
     polity hub --config %s
   Its pages are at %s

`, h.File, h.Origin)
	if h.TLS {
		fmt.Fprintf(&b, `2. Have %s lead to this machine in your network's DNS, and the devices of those who
   work with the hub trust its certificate authority: bring them
   %s and add it as a trusted authority
     Windows  certutil -addstore Root authority.crt   (as administrator)
     macOS    open it, then set Trust to Always in Keychain Access
     Debian   cp authority.crt /usr/local/share/ca-certificates/ && update-ca-certificates
     Android  Settings, Security, Install from storage, CA certificate
     iPhone   open it, then Settings, General, About, Certificate Trust Settings
     Firefox  Settings, Certificates, Authorities, Import
   Compare before you trust. The fingerprint (SHA-256) on the device has to be
%s
   On the telephone, the first half of it in words:
     %s

`, h.Host, filepath.Join(h.Dir, "authority", certs.AuthorityFile), indented(hexa), spoken)
	} else {
		fmt.Fprint(&b, `2. This hub is for this machine alone. For other machines make one with
   --host NAME in another folder: it comes with a certificate.

`)
	}
	if h.cityKeyFile == "" {
		key := filepath.Join(h.Dir, "city.key")
		fmt.Fprintf(&b, `3. Move %s to the office that decides about cameras, and keep a copy locked
   away: whoever has it can register cameras. There, a camera gets its entry by
     polity camera register --key city.key
   The entry belongs into %s; without one no camera runs.
`, key, filepath.Join(h.Dir, "register"))
	} else {
		fmt.Fprintf(&b, `3. Have the office that decides about cameras sign their entries:
     polity camera register --key FILE
   They belong into %s; without one no camera runs.
`, filepath.Join(h.Dir, "register"))
	}
	return b.String()
}

// indented is a fingerprint on two lines.
func indented(hexa string) string {
	half := (len(hexa) + 1) / 2
	return "     " + hexa[:half] + "\n     " + hexa[half:]
}
