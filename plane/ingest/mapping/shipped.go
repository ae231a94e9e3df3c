package mapping

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"polity/city"
	"polity/internal/strictyaml"
)

//go:embed shipped/*.yaml
var shipped embed.FS

// Shipped lists the names of the mappings that come with the program.
func Shipped() []string {
	files, err := fs.Glob(shipped, "shipped/*.yaml") // sorted
	if err != nil {
		panic(err) // the pattern is ours
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(path.Base(f), ".yaml")
	}
	return names
}

// ShippedText is the text of one of them, or NotFound with the nearest name.
func ShippedText(name string) ([]byte, error) {
	text, err := shipped.ReadFile("shipped/" + name + ".yaml")
	if err != nil {
		hint := ""
		if n := strictyaml.Nearest(name, Shipped()); n != "" {
			hint = "; did you mean " + n + "?"
		}
		return nil, city.Errorf(city.NotFound, "no mapping %q comes with the program%s", name, hint)
	}
	return text, nil
}

// ReadShipped reads one of them.
func ReadShipped(name string) (*Mapping, error) {
	text, err := ShippedText(name)
	if err != nil {
		return nil, err
	}
	return Read(name+".yaml", text)
}
