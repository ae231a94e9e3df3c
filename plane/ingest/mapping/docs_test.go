package mapping_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"polity/plane/ingest/mapping"
)

// TestTheFormatsPageIsRight holds docs/formats/ingest.md to the code: its mappings are
// read, and its example becomes what it says.
func TestTheFormatsPageIsRight(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats/ingest.md")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]*mapping.Mapping{}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if !strings.HasPrefix(block[1], "name:") {
			continue
		}
		m, err := mapping.Read("docs/formats/ingest.md", []byte(block[1]))
		if err != nil {
			t.Fatal(err)
		}
		read[string(m.Name)] = m
	}
	if read["air"] == nil || read["homes"] == nil {
		t.Fatal("the mappings are not on the page")
	}
	example := regexp.MustCompile("`(\\{\"ts\".*\\})` on the topic").FindSubmatch(page)
	if example == nil {
		t.Fatal("the example is not on the page")
	}
	r, err := read["air"].Apply(mapping.Message{Topic: "air/a-1/up", Payload: example[1], Received: now})
	if err != nil || r.Entity.ID != "urn:ngsi-ld:AirQualityObserved:a-1" || len(r.Values) != 1 || r.Values[0].Number != 21.5 ||
		string(r.Entity.Attribute("door").Value) != `"open"` || r.Entity.Attribute("location") == nil {
		t.Errorf("%+v, %v", r, err)
	}
}
