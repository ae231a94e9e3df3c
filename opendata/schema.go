package opendata

import "encoding/json"

// Schema describes a set's tables as CSV on the Web (W3C Recommendation, Metadata
// Vocabulary for Tabular Data).
func Schema(set *Set, base, licence string) ([]byte, error) {
	type column struct {
		Name     string `json:"name"`
		Titles   string `json:"titles"`
		About    string `json:"dc:description"`
		Datatype Kind   `json:"datatype"`
		Unit     string `json:"schema:unitText,omitempty"`
	}
	var columns []column
	for _, c := range set.Columns {
		title := c.Title
		if title == "" {
			title = c.Name
		}
		columns = append(columns, column{c.Name, title, c.About, c.Kind, c.Unit})
	}
	return json.MarshalIndent(map[string]any{
		"@context": []any{"http://www.w3.org/ns/csvw", map[string]string{"@language": "en"}},
		"url":      base + "/data/" + string(set.ID) + "/all.csv", "dc:title": set.Title, "dc:description": set.Description, "dc:license": map[string]string{"@id": licence},
		"dialect":     map[string]any{"header": true, "delimiter": ",", "lineTerminators": []string{"\r\n"}, "encoding": "utf-8"},
		"tableSchema": map[string]any{"columns": columns},
	}, "", " ")
}
