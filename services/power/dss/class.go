package dss

import (
	"slices"
	"strings"

	"polity/services/power/grid"
)

// object is one element as a script defines it.
type object interface {
	class() *class
	common() *basics
	set(property string, v value) error
	like(other object)
}

// basics are what all elements have.
type basics struct {
	name      string
	origin    grid.Origin
	disabled  bool
	frequency float64
}

func (c *basics) common() *basics { return c }

// discard takes the properties of an element whose class is not read.
type discard struct{ basics }

func (*discard) class() *class           { return nil }
func (*discard) set(string, value) error { return nil }
func (*discard) like(object)             {}

// class is a kind of element: its properties in OpenDSS's order, since values
// may stand without a name, and those that change nothing in a snapshot.
type class struct {
	name       string
	properties []string
	inert      map[string]bool
	make       func(r *reader, name string) object
}

// index finds a property by its name or, as OpenDSS does, by the beginning of
// it; the first that fits counts.
func (c *class) index(name string) int {
	if i := slices.Index(c.properties, name); i >= 0 {
		return i
	}
	return slices.IndexFunc(c.properties, func(p string) bool { return strings.HasPrefix(p, name) })
}

func newClass(name, properties, inert string, make func(r *reader, name string) object) *class {
	c := &class{name: name, properties: strings.Fields(properties + " basefreq enabled like"), inert: map[string]bool{}, make: make}
	for p := range strings.FieldsSeq(inert) {
		c.inert[p] = true
	}
	return c
}

// delivery are the properties that all power delivery elements share.
const (
	delivery      = " normamps emergamps faultrate pctperm repair"
	deliveryInert = " faultrate pctperm repair"
)

var (
	lineClass = newClass("line", `bus1 bus2 linecode length phases r1 x1 r0 x0 c1 c0 rmatrix xmatrix cmatrix switch rg xg rho geometry
		units spacing wires earthmodel cncables tscables b1 b0 seasons ratings linetype`+delivery,
		"rg xg earthmodel seasons ratings linetype"+deliveryInert, func(r *reader, name string) object { return newLine(r, name) })
	lineCodeClass = newClass("linecode", `nphases r1 x1 r0 x0 c1 c0 units rmatrix xmatrix cmatrix basefreq normamps emergamps faultrate
		pctperm repair kron rg xg rho neutral b1 b0 seasons ratings linetype`,
		"rg xg rho seasons ratings linetype"+deliveryInert, func(r *reader, name string) object { return newLineCode(r, name) })
	wireClass = newClass("wiredata", "rdc rac runits gmrac gmrunits radius radunits normamps emergamps diam seasons ratings capradius",
		"seasons ratings", func(r *reader, name string) object { return newWire(r, name) })
	geometryClass = newClass("linegeometry", `nconds nphases cond wire x h units normamps emergamps reduce spacing wires cncable tscable
		cncables tscables seasons ratings linetype`, "seasons ratings linetype", func(r *reader, name string) object { return newGeometry(r, name) })
	transformerClass = newClass("transformer", `phases windings wdg bus conn kv kva tap %r rneut xneut buses conns kvs kvas taps xhl xht
		xlt xscarray thermal n m flrise hsrise %loadloss %noloadloss normhkva emerghkva sub maxtap mintap numtaps subname %imag
		ppm_antifloat %rs bank xfmrcode xrconst x12 x13 x23 leadlag wdgcurrents core rdcohms seasons ratings`+delivery,
		"thermal n m flrise hsrise sub subname xrconst wdgcurrents core rdcohms seasons ratings normamps emergamps"+deliveryInert,
		func(r *reader, name string) object { return newTransformer(r, name) })
	transformerCodeClass = newClass("xfmrcode", `phases windings wdg conn kv kva tap %r rneut xneut conns kvs kvas taps xhl xht xlt
		xscarray thermal n m flrise hsrise %loadloss %noloadloss normhkva emerghkva maxtap mintap numtaps %imag ppm_antifloat %rs
		x12 x13 x23 rdcohms seasons ratings`, "thermal n m flrise hsrise rdcohms seasons ratings",
		func(r *reader, name string) object { return newTransformerCode(r, name) })
	regulatorClass = newClass("regcontrol", `transformer winding vreg band ptratio ctprim r x bus delay reversible revvreg revband revr
		revx tapdelay debugtrace maxtapchange inversetime tapwinding vlimit ptphase revthreshold revdelay revneutral eventlog
		remoteptratio tapnum reset ldc_z rev_z cogen`, "tapdelay debugtrace revdelay eventlog reset",
		func(r *reader, name string) object { return newRegulator(r, name) })
	capacitorClass = newClass("capacitor", "bus1 bus2 phases kvar kv conn cmatrix cuf r xl harm numsteps states"+delivery,
		"normamps emergamps"+deliveryInert, func(r *reader, name string) object { return newCapacitor(r, name) })
	reactorClass = newClass("reactor", "bus1 bus2 phases kvar kv conn rmatrix xmatrix parallel r x rp z1 z2 z0 z rcurve lcurve lmh"+delivery,
		deliveryInert, func(r *reader, name string) object { return newReactor(r, name) })
	loadClass = newClass("load", `phases bus1 kv kw pf model yearly daily duty growth conn kvar rneut xneut status class vminpu vmaxpu
		vminnorm vminemerg xfkva allocationfactor kva %mean %stddev cvrwatts cvrvars kwh kwhdays cfactor cvrcurve numcust zipv
		%seriesrl relweight vlowpu puxharm xrharm spectrum`,
		"yearly daily duty growth rneut xneut class vminnorm vminemerg %mean %stddev cvrcurve %seriesrl relweight puxharm xrharm spectrum",
		func(r *reader, name string) object { return newLoad(r, name) })
	generatorClass = newClass("generator", `phases bus1 kv kw pf kvar model vminpu vmaxpu yearly daily duty dispmode dispvalue conn rneut
		xneut status class vpu maxkvar minkvar pvfactor forceon kva mva xd xdp xdpp h d usermodel userdata shaftmodel shaftdata
		dutystart debugtrace balanced xrdp usefuel fuelkwh %fuel %reserve refuel dynamiceq dynout spectrum`,
		`yearly daily duty dispmode dispvalue rneut xneut status class pvfactor forceon xd xdp xdpp h d usermodel userdata shaftmodel
		shaftdata dutystart debugtrace balanced xrdp usefuel fuelkwh %fuel %reserve refuel dynamiceq dynout spectrum`,
		func(r *reader, name string) object { return newGenerator(r, name, grid.Machine) })
	solarClass = newClass("pvsystem", `phases bus1 kv irradiance pmpp %pmpp temperature pf conn kvar kva %cutin %cutout effcurve p-tcurve
		%r %x model vminpu vmaxpu balanced limitcurrent yearly daily duty tyearly tdaily tduty class usermodel userdata debugtrace
		varfollowinverter dutystart wattpriority pfpriority %pminnovars %pminkvarmax kvarmax kvarmaxabs kvdc kp pitol safevoltage
		safemode dynamiceq dynout controlmode amplimit amplimitgain spectrum`,
		`temperature %cutin %cutout %r %x balanced limitcurrent yearly daily duty tyearly tdaily tduty class usermodel userdata
		debugtrace varfollowinverter dutystart wattpriority pfpriority %pminnovars %pminkvarmax kvarmax kvarmaxabs kvdc kp pitol
		safevoltage safemode dynamiceq dynout controlmode amplimit amplimitgain spectrum`,
		func(r *reader, name string) object { return newGenerator(r, name, grid.Solar) })
	storageClass = newClass("storage", `phases bus1 kv conn kw kvar pf kva %cutin %cutout effcurve varfollowinverter kvarmax kvarmaxabs
		wattpriority pfpriority %pminnovars %pminkvarmax kwrated %kwrated kwhrated kwhstored %stored %reserve state %discharge
		%charge %effcharge %effdischarge %idlingkw %idlingkvar %r %x model vminpu vmaxpu balanced limitcurrent yearly daily duty
		dispmode dischargetrigger chargetrigger timechargetrig class dynadll dynadata usermodel userdata debugtrace kvdc kp pitol
		safevoltage safemode dynamiceq dynout controlmode amplimit amplimitgain spectrum`,
		`%cutin %cutout effcurve varfollowinverter kvarmax kvarmaxabs wattpriority pfpriority %pminnovars %pminkvarmax kwhrated
		kwhstored %effcharge %effdischarge %idlingkvar %r %x balanced limitcurrent yearly daily duty dispmode
		dischargetrigger chargetrigger timechargetrig class dynadll dynadata usermodel userdata debugtrace kvdc kp pitol
		safevoltage safemode dynamiceq dynout controlmode amplimit amplimitgain spectrum`,
		func(r *reader, name string) object { return newGenerator(r, name, grid.Storage) })
	sourceClass = newClass("vsource", `bus1 basekv pu angle frequency phases mvasc3 mvasc1 x1r1 x0r0 isc3 isc1 r1 x1 r0 x0 scantype
		sequence bus2 z1 z0 z2 puz1 puz0 puz2 basemva yearly daily duty model puzideal spectrum`,
		"frequency scantype yearly daily duty spectrum", func(r *reader, name string) object { return newSource(r, name) })
	switchControlClass = newClass("swtcontrol", "switchedobj switchedterm action lock delay normal state reset",
		"lock delay reset", func(r *reader, name string) object { return newSwitchControl(r, name) })
)

var (
	spacingClass          = newClass("linespacing", "nconds nphases x h units", "", func(r *reader, name string) object { return newSpacing(r, name) })
	capacitorControlClass = newClass("capcontrol", `element terminal capacitor type ptratio ctratio onsetting offsetting delay voltoverride
		vmax vmin delayoff deadtime ctphase ptphase vbus eventlog usermodel userdata pctminkvar reset controlsignal`,
		"eventlog usermodel userdata reset controlsignal", func(r *reader, name string) object { return newCapacitorControl(r, name) })
	faultClass = newClass("fault", "bus1 bus2 phases r %stddev gmatrix ontime temporary minamps"+delivery,
		"%stddev ontime temporary minamps normamps emergamps"+deliveryInert, func(r *reader, name string) object { return newFault(r, name) })
)

var classes = map[string]*class{
	"line": lineClass, "linecode": lineCodeClass, "wiredata": wireClass, "linegeometry": geometryClass,
	"transformer": transformerClass, "xfmrcode": transformerCodeClass, "regcontrol": regulatorClass,
	"capacitor": capacitorClass, "reactor": reactorClass, "load": loadClass, "generator": generatorClass,
	"pvsystem": solarClass, "storage": storageClass, "vsource": sourceClass, "swtcontrol": switchControlClass, "linespacing": spacingClass, "fault": faultClass, "capcontrol": capacitorControlClass,
}

// leftOut are classes without effect on a snapshot.
var leftOut = map[string]bool{
	"energymeter": true, "monitor": true, "loadshape": true, "tcc_curve": true, "spectrum": true, "growthshape": true, "xycurve": true,
	"tshape": true, "priceshape": true, "sensor": true, "recloser": true, "relay": true, "fuse": true,
	"invcontrol": true, "storagecontroller": true, "gendispatcher": true, "expcontrol": true,
}

func classNames() []string {
	names := []string{"circuit"}
	for name := range classes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
