package pandapower_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"strings"
	"testing"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/pandapower"
)

// results reads a table of results from the file.
func results(t *testing.T, text []byte, name string) (columns map[string]int, rows map[int][]float64) {
	t.Helper()
	var file struct {
		Object map[string]json.RawMessage `json:"_object"`
	}
	var frame struct {
		Object string `json:"_object"`
	}
	var split struct {
		Columns []string    `json:"columns"`
		Index   []int       `json:"index"`
		Data    [][]float64 `json:"data"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file.Object[name], &frame); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(frame.Object), &split); err != nil {
		t.Fatal(err)
	}
	columns, rows = map[string]int{}, map[int][]float64{}
	for i, c := range split.Columns {
		columns[c] = i
	}
	for i, k := range split.Index {
		rows[k] = split.Data[i]
	}
	return columns, rows
}

// TestAgreesWithPandapower: voltages, angles and losses are those that
// pandapower found; testdata/oracle.py wrote them.
func TestAgreesWithPandapower(t *testing.T) {
	const path = "testdata/small.json"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	net, err := pandapower.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	solver, err := flow.New(net, flow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := solver.Solve()
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := results(t, text, "res_bus")
	compared := 0
	for k, row := range rows {
		want := row[columns["vm_pu"]]
		v := r.Topology().Index(net.Bus(fmt.Sprint(k)), 1)
		if v < 0 || !r.Topology().Live[v] {
			continue
		}
		compared++
		if d := math.Abs(r.PerUnit(v) - want); !(d < 1e-8) {
			t.Errorf("bus %d: %.10f instead of %.10f pu", k, r.PerUnit(v), want)
		}
		degrees := cmplx.Phase(r.Voltage(v)) * 180 / math.Pi
		if d := math.Mod(math.Abs(degrees-row[columns["va_degree"]])+180, 360) - 180; math.Abs(d) > 1e-6 {
			t.Errorf("bus %d: %.6f instead of %.6f degrees", k, degrees, row[columns["va_degree"]])
		}
	}
	if compared != 8 {
		t.Errorf("%d buses compared, want 8", compared)
	}
	for _, table := range []string{"line", "trafo"} {
		columns, rows := results(t, text, "res_"+table)
		r.Branches(func(b *flow.Branch) {
			name, _ := net.Describe(b.Element)
			var k int
			if _, err := fmt.Sscanf(name, table+".%d", &k); err != nil {
				return
			}
			if want := rows[k][columns["pl_mw"]] * 1e6; math.Abs(real(b.Losses())-want) > 0.1 {
				t.Errorf("%s loses %.3f instead of %.3f W", name, real(b.Losses()), want)
			}
		})
	}
	if net.Buses[net.Bus("3")].Label != "Bus 3" {
		t.Error("names of buses are lost")
	}
}

func TestErrorsNameTheElement(t *testing.T) {
	text, err := os.ReadFile("testdata/small.json")
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	for _, c := range []struct{ old, new, want string }{
		{`"_class": "pandapowerNet"`, `"_class": "Other"`, "not a network of pandapower"},
		{`\"b\",8,`, `\"b\",99,`, "x"},
		{`[\"A\",null,1,2,`, `[\"A\",null,1,77,`, "line 0: to_bus 77 is no bus"},
		{`\"l\",null,false`, `\"q\",null,false`, `et "q" is not read`},
		{`[\"Bus 0\",110.0,`, `[\"Bus 0\",-1.0,`, "bus 0: vn_kv is -1"},
		{`"orient": "split"`, `"orient": "records"`, "is not read"},
		{`"motor": {`, `"svc": {`, "elements that are not read: svc (1)"},
	} {
		if !strings.Contains(whole, c.old) {
			if c.want != "x" {
				t.Errorf("the file has no %s", c.old)
			}
			continue
		}
		_, err := pandapower.Parse("grid.json", []byte(strings.Replace(whole, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "grid.json") {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/small.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"_class":"pandapowerNet","_object":{"f_hz":50,"bus":{"_class":"DataFrame","_object":"{\"columns\":[\"vn_kv\"],\"index\":[0],\"data\":[[20]]}"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		net, err := pandapower.Parse("x", text)
		if err == nil {
			net.Check()
		}
		_ = t
	})
}
