package cim

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
	"polity/services/power/grid"
)

// Read reads a network from an RDF/XML file, or from a ZIP archive of the profiles of
// one model. Equipment at a node that is neither modelled nor harmless is an error;
// so are models by phase (CDPSM).
func Read(path string) (*grid.Network, error) {
	s, err := load(path)
	if err != nil {
		return nil, err
	}
	return build(s, path)
}

type reader struct {
	*store
	net       *grid.Network
	terminals map[string][]*object // equipment -> its terminals, in order
	ofOwner   map[string][]*object // transformer or end -> its ends or tap changers
	voltages  map[string]float64   // topological node -> solved voltage, kV
	nodes     map[string]int       // node -> bus
	limits    map[string][]limit   // equipment or terminal -> its current limits
	names     map[string]int       // how often an element's name was given
	errs      []error
}

type limit struct {
	amps      float64
	permanent bool
}

func build(s *store, path string) (*grid.Network, error) {
	r := &reader{store: s, terminals: map[string][]*object{}, ofOwner: map[string][]*object{}, voltages: map[string]float64{}, nodes: map[string]int{}, limits: map[string][]limit{}, names: map[string]int{}}
	r.net = &grid.Network{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), Balanced: true, Frequency: 50}
	for _, o := range s.list {
		if o.class == "ACLineSegmentPhase" || o.class == "EnergyConsumerPhase" {
			return nil, city.Errorf(city.Invalid, "%s: this model is by phase; only balanced ones are read", o.origin)
		}
		for _, key := range []string{"PowerTransformerEnd.PowerTransformer", "RatioTapChanger.TransformerEnd", "PhaseTapChanger.TransformerEnd"} {
			if owner := o.values[key]; owner != "" {
				r.ofOwner[owner] = append(r.ofOwner[owner], o)
			}
		}
		if node := o.values["SvVoltage.TopologicalNode"]; node != "" {
			r.voltages[node] = r.value(o, 0, "SvVoltage.v")
		}
	}
	for _, step := range []func(){r.readNodes, r.readTerminals, r.readLimits, r.readEquipment, r.readSources} {
		if step(); len(r.errs) > 0 {
			return nil, city.Errorf(city.Invalid, "%w", errors.Join(r.errs...))
		}
	}
	if len(r.net.Buses) == 0 {
		return nil, city.Errorf(city.Invalid, "%s: no node in it: does a profile lack?", path)
	}
	return r.net, nil
}

func (r *reader) fail(err error) {
	if err != nil && len(r.errs) < 20 {
		r.errs = append(r.errs, err)
	}
}

func wrong(o *object, format string, args ...any) error {
	return fmt.Errorf("%s: %s %q: %w", o.origin, o.class, o.name(), fmt.Errorf(format, args...))
}

// value reads a number and notes what is wrong with it.
func (r *reader) value(o *object, otherwise float64, keys ...string) float64 {
	f, err := o.number(otherwise, keys...)
	r.fail(err)
	return f
}

// kv is the nominal voltage that an object hangs on, 0 where it says none.
func (r *reader) kv(o *object) float64 {
	for depth := 0; o != nil && depth < 4; depth++ { // node, bay, voltage level, base voltage
		if o.class == "BaseVoltage" {
			return r.value(o, 0, "BaseVoltage.nominalVoltage")
		}
		o = r.ref(o, "TopologicalNode.BaseVoltage", "VoltageLevel.BaseVoltage", "ConductingEquipment.BaseVoltage", "TransformerEnd.BaseVoltage",
			"ConnectivityNode.ConnectivityNodeContainer", "Bay.VoltageLevel", "Equipment.EquipmentContainer")
	}
	return 0
}

// readNodes makes buses of connectivity nodes, or of topological ones where
// terminals know no others.
func (r *reader) readNodes() {
	class, key := "TopologicalNode", "Terminal.TopologicalNode"
	for _, o := range r.list {
		if o.class == "Terminal" && o.values["Terminal.ConnectivityNode"] != "" {
			class, key = "ConnectivityNode", "Terminal.ConnectivityNode"
		}
	}
	for _, o := range r.list {
		if o.class != class {
			continue
		}
		name := o.name()
		if r.net.Bus(name) >= 0 {
			name = o.id
		}
		b := r.net.AddBus(name, o.origin)
		r.net.Buses[b].Label = o.values["IdentifiedObject.description"]
		r.net.Buses[b].BaseKV = r.kv(o)
		r.nodes[o.id] = b
	}
	for _, o := range r.list { // nodes in a line say no voltage; their equipment does
		if o.class != "Terminal" {
			continue
		}
		if b, ok := r.nodes[o.values[key]]; ok && r.net.Buses[b].BaseKV == 0 {
			if e := r.ref(o, "Terminal.ConductingEquipment"); e != nil {
				r.net.Buses[b].BaseKV = r.kv(e)
			}
		}
	}
}

func (r *reader) readTerminals() {
	for _, o := range r.list {
		if o.class != "Terminal" {
			continue
		}
		e := r.ref(o, "Terminal.ConductingEquipment")
		if e == nil {
			r.fail(wrong(o, "the equipment %q that it belongs to is not there", o.values["Terminal.ConductingEquipment"]))
			continue
		}
		r.terminals[e.id] = append(r.terminals[e.id], o)
	}
	for _, list := range r.terminals {
		slices.SortStableFunc(list, func(a, b *object) int {
			x, _ := a.number(0, "ACDCTerminal.sequenceNumber", "Terminal.sequenceNumber")
			y, _ := b.number(0, "ACDCTerminal.sequenceNumber", "Terminal.sequenceNumber")
			return int(x - y)
		})
	}
}

// bus is the bus of a terminal, and whether it is connected.
func (r *reader) bus(t *object) (int, bool, error) {
	for _, key := range []string{"Terminal.ConnectivityNode", "Terminal.TopologicalNode"} {
		if b, ok := r.nodes[t.values[key]]; ok {
			return b, t.is(true, "ACDCTerminal.connected", "Terminal.connected"), nil
		}
	}
	return 0, false, wrong(t, "it lies at no node that is there")
}

// ends returns the buses of equipment with n terminals, and at which it is connected.
func (r *reader) ends(o *object, n int) (buses []int, connected []bool, err error) {
	list := r.terminals[o.id]
	if len(list) != n {
		return nil, nil, wrong(o, "it has %d terminals, not %d", len(list), n)
	}
	for _, t := range list {
		b, on, err := r.bus(t)
		if err != nil {
			return nil, nil, err
		}
		buses, connected = append(buses, b), append(connected, on)
	}
	return buses, connected, nil
}

// unique is a name for an element that no other has.
func (r *reader) unique(kind string, o *object) string {
	name := kind + "." + o.name()
	if r.names[name]++; r.names[name] > 1 {
		return kind + "." + o.id
	}
	return name
}

// readLimits collects current limits; of several of a kind the lowest counts.
func (r *reader) readLimits() {
	for _, o := range r.list {
		if o.class != "CurrentLimit" {
			continue
		}
		set := r.ref(o, "OperationalLimit.OperationalLimitSet")
		if set == nil {
			continue
		}
		l := limit{amps: r.value(o, 0, "CurrentLimit.value", "CurrentLimit.normalValue"), permanent: true}
		if t := r.ref(o, "OperationalLimit.OperationalLimitType"); t != nil {
			kind := strings.ToLower(t.values["OperationalLimitType.limitType"] + t.values["OperationalLimitType.kind"])
			l.permanent = kind == "" || strings.HasSuffix(kind, "patl")
		}
		for _, key := range []string{"OperationalLimitSet.Equipment", "OperationalLimitSet.Terminal"} {
			if id := set.values[key]; id != "" && l.amps > 0 {
				r.limits[id] = append(r.limits[id], l)
			}
		}
	}
}

// ratings are what an element carries for ever and for a while, in amperes.
func (r *reader) ratings(o *object) (always, emergency float64) {
	always, emergency = math.Inf(1), math.Inf(1)
	ids := []string{o.id}
	for _, t := range r.terminals[o.id] {
		ids = append(ids, t.id)
	}
	for _, id := range ids {
		for _, l := range r.limits[id] {
			if l.permanent {
				always = min(always, l.amps)
			} else {
				emergency = min(emergency, l.amps)
			}
		}
	}
	if math.IsInf(emergency, 1) || emergency < always {
		emergency = always
	}
	if math.IsInf(always, 1) {
		always = emergency
	}
	if math.IsInf(always, 1) {
		return 0, 0
	}
	return always, emergency
}
