package dss_test

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/city"
	"polity/services/power/dss"
	"polity/services/power/grid"
)

// memory is a set of files.
type memory map[string]string

func (m memory) ReadFile(name string) ([]byte, error) {
	if text, ok := m[name]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}

const head = "New Circuit.c basekv=10 bus1=a\n"

func read(t *testing.T, script string) *grid.Network {
	t.Helper()
	n, err := dss.ReadFrom(memory{"f.dss": script}, "f.dss")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSyntax(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   complex128 // power of load.l in kVA
	}{
		"spaces around equals": {"New Load.l bus1=a kV = 10 kW=  5 kvar =1", 5 + 1i},
		"continuation":         {"New Load.l bus1=a kv=10\n~ kw=5\nMore kvar=1", 5 + 1i},
		"comments":             {"New Load.l bus1=a kv=10 kw=5 kvar=1 ! kvar=9\n// x\n/* New Load.l\n*/\n", 5 + 1i},
		"calculation":          {"New Load.l bus1=a kv=10 kw=(2 3 + ) kvar=[10 5 / 1 -]", 5 + 1i},
		"by position":          {"New Load.l 3 a 10 5 kvar=1", 5 + 1i},
		"abbreviated property": {"New Load.l ph=3 bus1=a kv=10 kw=5 kva=5 pf=1 kW=5 kvar=2", 5 + 2i},
		"edited afterwards":    {"New Load.l bus1=a kv=10 kw=1 kvar=1\nLoad.l.kw=5 kvar=1", 5 + 1i},
		"edit":                 {"New Load.l bus1=a kv=10 kw=1\nEdit Load.l kw=5 kvar=1", 5 + 1i},
		"like":                 {"New Load.x bus1=b kv=10 kw=5 kvar=1\nNew Load.l like=x bus1=a\nDisable Load.x", 5 + 1i},
		"power factor kept":    {"New Load.l bus1=a kv=10 kw=3 kvar=4\nLoad.l.kw=6", 6 + 8i},
		"leading":              {"New Load.l bus1=a kv=10 kw=3 pf=-0.6", 3 - 4i},
		"kva":                  {"New Load.l bus1=a kv=10 kva=5 pf=0.6", 3 + 4i},
		"load multiplier":      {"Set LoadMult=2\nNew Load.l bus1=a kv=10 kw=2.5 kvar=0.5", 5 + 1i},
		"batch":                {"New Load.l bus1=a kv=10 kw=2 kvar=1\nBatchEdit Load..* kw=5 kvar=1", 5 + 1i},
		"second circuit":       {"New Load.l bus1=a kv=10 kw=9\nClear\nNew Circuit.d basekv=10 bus1=a\nNew Load.l bus1=a kv=10 kw=5 kvar=1", 5 + 1i},
		"passed over":          {"New EnergyMeter.m Line.x 1\nNew Load.l bus1=a kv=10 kw=5 kvar=1\nSolve\nShow voltages LN Nodes\nPlot profile\nvisualize what=v", 5 + 1i},
		"case":                 {"NEW LOAD.L BUS1=A KV=10 KW=5 KVAR=1", 5 + 1i},
	} {
		n := read(t, head+c.script)
		got := complex128(0)
		for _, l := range n.Loads {
			if l.Name == "load.l" {
				got = l.S / 1000
			}
		}
		if math.Hypot(real(got-c.want), imag(got-c.want)) > 1e-9 {
			t.Errorf("%s: %v kVA, want %v", name, got, c.want)
		}
	}
}

func TestMatricesAndUnits(t *testing.T) {
	n := read(t, head+`
New Linecode.c nphases=2 units=mi rmatrix=(1 | 0.2 1.1) xmatrix=[2 0.5 | 0.5 2.1] cmatrix=[0 | 0 0]
New Line.one phases=2 bus1=a.1.2 bus2=b.1.2 linecode=c length=5280 units=ft
New Line.two bus1=a bus2=c r1=0.1 x1=0.2 r0=0.3 x0=0.4 c1=0 c0=0 length=500 units=m
`)
	one := n.Line("line.one")
	if math.Abs(real(one.Z.At(1, 1))-1.1) > 1e-9 || math.Abs(imag(one.Z.At(0, 1))-0.5) > 1e-9 || math.Abs(one.Metres-1609.344) > 1e-6 {
		t.Errorf("a mile in feet: Z %v, %g m", one.Z, one.Metres)
	}
	if two := n.Line("line.two"); math.Abs(real(two.Z.At(0, 0))-500*(0.2+0.3)/3) > 1e-9 {
		t.Errorf("impedance and length in one unit: %v", two.Z)
	}
}

// TestErrorsNameFileAndLine: every mistake is reported with its place, and all of
// them together.
func TestErrorsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"New Laod.l bus1=a", `f.dss:2: element class "laod" is not among those that are read`},
		{"New Loads.l bus1=a", `did you mean "load"?`},
		{"New Load.l bus1=a kv=10 kww=5", `f.dss:2: load has no property "kww"; did you mean "kw"?`},
		{"New Load.l bus1=a kv=10 kw=five", `f.dss:2: load.l: kw: "five" is not a number`},
		{"New Load.l bus1=a kv=10 kw=(1 +)", `f.dss:2: load.l: kw: cannot calculate "1 +"`},
		{"New Load.l bus1=a.1.2 kv=10 kw=5\nNew Load.l bus1=b", "f.dss:3: load.l is defined a second time; the first is at f.dss:2"},
		{"New Load.l kv=10 kw=5", "f.dss:2: load.l: bus1 is not given"},
		{"New Load.l bus1=a.1.x kv=10", `f.dss:2: load.l: bus1 "a.1.x": "x" is no node number`},
		{"New Line.l bus1=a.2 bus2=b.2", `f.dss:2: line.l: bus1 "a.2" puts two of 3 phases on node 2`},
		{"New Line.l bus1=a bus2=b linecode=nope", `f.dss:2: line.l: linecode: there is no linecode "nope"`},
		{"New Line.l bus1=a bus2=b length=0", "f.dss:2: line.l: length 0 is not above zero"},
		{"New Line.l bus1=a bus2=b units=furlong", `"furlong" is no unit of length`},
		{"New Linecode.c nphases=3 rmatrix=[1 | 2 3]", "a matrix of 3 phases has 3 rows; this has 2"},
		{"New Transformer.t buses=[a b] kvs=[10 0.4 1]", "3 values for 2 windings"},
		{"New RegControl.r transformer=t", `f.dss:2: regcontrol.r: there is no transformer "t" to regulate`},
		{"New Load.l bus1=[a.1 kv=10", `the '[' in "[a.1 kv=10" has no ']' after it`},
		{"Redirect other.dss", "f.dss:2: cannot read other.dss"},
		{"Frobnicate", `f.dss:2: unknown command "Frobnicate"`},
		{"Set frobnication=1", "f.dss:2: set frobnication: unknown option"},
		{"Open Line.x", "there is no line line.x"},
		{"New Load.l bus1=a kv=10 model=8", "f.dss:2: load.l: model 8 needs ZIPV with 7 numbers"},
		{"New Load.l bus1=a kv=10 pf=1.2", "power factor 1.2 is not within"},
		{"New Capacitor.c bus1=a cmatrix=[1]", "cmatrix: not read; give kvar or cuf"},
	} {
		_, err := dss.ReadFrom(memory{"f.dss": head + c.script}, "f.dss")
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%s:\n got %v\nwant %s", c.script, err, c.want)
		}
	}
	_, err := dss.ReadFrom(memory{"f.dss": head + "New Foo.a\nNew Bar.b\n"}, "f.dss")
	if err == nil || !strings.Contains(err.Error(), "f.dss:2") || !strings.Contains(err.Error(), "f.dss:3") {
		t.Errorf("both mistakes must be reported: %v", err)
	}
	if _, err := dss.ReadFrom(memory{"f.dss": "Set mode=snap"}, "f.dss"); err == nil || !strings.Contains(err.Error(), "no 'New Circuit'") {
		t.Errorf("a script without a circuit: %v", err)
	}
	if _, err := dss.ReadFrom(memory{"f.dss": head + "Redirect f.dss"}, "f.dss"); err == nil {
		t.Error("a file that redirects to itself must end with an error")
	}
}

func TestFilesAreFoundWhateverTheirCase(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"master.dss":      head + "Redirect SUB/Loads.DSS\nBusCoords xy.csv\n",
		"sub/loads.dss":   "New Load.l bus1=a kv=10 kw=5\nRedirect more.dss\n",
		"sub/more.dss":    "New Load.m bus1=b kv=10 kw=7\n",
		"xy.csv":          "a, 1.5, 2\nb 3 4\n",
		"sub/ignored.dss": "nonsense",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, err := dss.Read(filepath.Join(dir, "master.dss"))
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Loads) != 2 || !n.Buses[n.Bus("a")].Located || n.Buses[n.Bus("b")].Y != 4 {
		t.Fatalf("%d loads, buses %+v", len(n.Loads), n.Buses)
	}
	if at := n.Loads[1].Origin.String(); !strings.HasSuffix(strings.ToLower(at), filepath.Join("sub", "more.dss")+":1") {
		t.Errorf("load.m comes from %s", at)
	}
}

func TestLeftOutIsNoted(t *testing.T) {
	n := read(t, head+"New Monitor.m1 element=Vsource.source\nNew Monitor.m2 element=Vsource.source\nNew Relay.r MonitoredObj=Line.x\n")
	notes := strings.Join(n.Notes, "\n")
	if !strings.Contains(notes, "2 of class monitor left out") || !strings.Contains(notes, "1 of class relay left out") {
		t.Errorf("notes: %q", notes)
	}
}

func TestNodesThatNoConductorTakesAreNoted(t *testing.T) {
	n := read(t, head+"New Line.l bus1=a.1.2.3.4 bus2=b\n")
	if notes := strings.Join(n.Notes, "\n"); !strings.Contains(notes, `f.dss:2: line.l: bus1 "a.1.2.3.4" names 4 nodes for 3 conductors`) {
		t.Errorf("notes: %q", notes)
	}
}

func TestSwitchStates(t *testing.T) {
	n := read(t, head+`
New Line.s1 bus1=a bus2=b switch=yes
New Line.s2 bus1=b bus2=c switch=yes
New Line.s3 bus1=c bus2=d
Open Line.s1 term=2
Open Line.s2 1 2
New SwtControl.x SwitchedObj=Line.s3 SwitchedTerm=1 Normal=closed State=open
`)
	if l := n.Line("line.s1"); l.Closed() || l.Open != [2]uint32{0, 7} {
		t.Errorf("s1: %v", l.Open)
	}
	if l := n.Line("line.s2"); !l.Closed() || l.Open != [2]uint32{2, 0} {
		t.Errorf("s2, one conductor open: %v", l.Open)
	}
	if l := n.Line("line.s3"); l.Closed() || !l.Switch {
		t.Errorf("s3: %v", l.Open)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"loads.dss", "transformers.dss", "lines.dss"} {
		text, err := os.ReadFile(filepath.Join("..", "flow", "testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(head + "New Load.l bus1=a kv=10 kw=(1 0 /)\n~ zipv=[1 2\n")
	f.Fuzz(func(_ *testing.T, script string) {
		if n, err := dss.ReadFrom(memory{"f.dss": script}, "f.dss"); err == nil {
			n.Check()
		}
	})
}
