package twin

import (
	"compress/gzip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/services/traffic/network"
)

// Scenario is a SUMO configuration (.sumocfg): a network, who travels, and when.
type Scenario struct {
	Path       string
	Net        string // path of the network
	Begin, End time.Duration
	Additional []string
}

// ReadScenario reads a SUMO configuration. Paths in it are relative to its folder.
func ReadScenario(path string) (Scenario, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Scenario{}, city.Errorf(city.NotFound, "%s is not there", path)
	}
	if err != nil {
		return Scenario{}, fmt.Errorf("read the configuration: %w", err)
	}
	return parseScenario(data, path)
}

func parseScenario(data []byte, path string) (Scenario, error) {
	s := Scenario{Path: path}
	dec := xml.NewDecoder(strings.NewReader(string(data)))
	root := ""
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := dec.InputPos()
		if err != nil {
			return s, city.Errorf(city.Invalid, "%s:%d: not well-formed XML: %v", path, line, err)
		}
		t, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if root == "" {
			if root = t.Name.Local; root == "net" {
				return s, city.Errorf(city.Invalid, "%s is a network; a configuration (.sumocfg) is needed, which also names who travels", path)
			}
		}
		value := ""
		for _, a := range t.Attr {
			if a.Name.Local == "value" || a.Name.Local == "v" {
				value = a.Value
			}
		}
		switch t.Name.Local {
		case "net-file", "net", "n":
			s.Net = beside(path, value)
		case "begin", "b", "end", "e":
			at, err := clock(value)
			if err != nil {
				return s, city.Errorf(city.Invalid, "%s:%d: %s %q is neither seconds nor h:m:s", path, line, t.Name.Local, value)
			}
			if t.Name.Local[0] == 'b' {
				s.Begin = at
			} else {
				s.End = at
			}
		case "additional-files", "additional", "a":
			for f := range strings.SplitSeq(value, ",") {
				s.Additional = append(s.Additional, beside(path, strings.TrimSpace(f)))
			}
		}
	}
	if s.Net == "" {
		return s, city.Errorf(city.Invalid, "%s names no network: <net-file value=\"...\"/> is missing", path)
	}
	if s.End != 0 && s.End <= s.Begin {
		return s, city.Errorf(city.Invalid, "%s ends at %v, before it begins at %v", path, s.End, s.Begin)
	}
	return s, nil
}

func beside(config, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(config), file)
}

// clock reads seconds or h:m:s, as SUMO does.
func clock(text string) (time.Duration, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 1 && len(parts) != 3 {
		return 0, errors.New("not a time")
	}
	total := 0.0
	for _, p := range parts {
		v, err := strconv.ParseFloat(p, 64)
		if err != nil || v < 0 || v > 1e9 {
			return 0, errors.New("not a time")
		}
		total = total*60 + v
	}
	return time.Duration(total * float64(time.Second)), nil
}

// Network reads the scenario's network.
func (s Scenario) Network() (*network.Network, error) {
	f, err := os.Open(s.Net)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "%s names the network %s, which is not there", s.Path, s.Net)
	}
	if err != nil {
		return nil, fmt.Errorf("open the network: %w", err)
	}
	defer f.Close()
	if strings.HasSuffix(s.Net, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s is not gzip: %v", s.Net, err)
		}
		return network.ReadSUMO(z, s.Net)
	}
	return network.ReadSUMO(f, s.Net)
}
