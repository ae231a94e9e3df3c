package bundle

import (
	"bytes"
	_ "embed"
	"html/template"
)

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Parse(reportPage))

// writeHTML is the report as a page of its own, without a script or a resource from
// outside.
func writeHTML(c *checker) ([]byte, error) {
	var b bytes.Buffer
	err := reportTemplate.Execute(&b, writePaper(c))
	return b.Bytes(), err
}
