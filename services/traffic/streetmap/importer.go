package streetmap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/paulmach/osm"

	"polity/city"
	"polity/services/traffic/network"
)

// attribution is what the licence of OpenStreetMap's data (ODbL 1.0) asks for.
const attribution = "© OpenStreetMap contributors, ODbL 1.0"

// ReadFile makes a network of the streets in an area of an OpenStreetMap extract
// (.osm.pbf, or XML) with its signalised junctions. Errors are of kind NotFound or
// Invalid and name the file.
func ReadFile(ctx context.Context, name string, area Area) (*network.Network, error) {
	if err := area.Check(); err != nil {
		return nil, err
	}
	x, err := readFile(ctx, name, area)
	if err != nil {
		return nil, err
	}
	return x.network(name)
}

// ReadXML is ReadFile for an extract in OpenStreetMap's XML.
func ReadXML(ctx context.Context, r io.ReadSeeker, name string, area Area) (*network.Network, error) {
	if err := area.Check(); err != nil {
		return nil, err
	}
	x, err := read(ctx, r, true, area)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x.network(name)
}

// importer builds the network.
type importer struct {
	*clusters
	net  *network.Network
	arms map[*cluster][]*arm
	// senseless are arms whose arrows on the map cannot be followed.
	senseless map[*arm]bool
	trams     []point
}

func (x *extract) network(name string) (*network.Network, error) {
	im := &importer{clusters: findClusters(newGraph(x)), arms: map[*cluster][]*arm{}, senseless: map[*arm]bool{}}
	for _, t := range x.trams {
		for _, id := range t {
			if n := x.nodes[id]; n != nil {
				im.trams = append(im.trams, n.p)
			}
		}
	}
	im.net = &network.Network{Name: name, Source: attribution, Assumed: x.general()}
	general := len(im.net.Assumed)
	im.streets()
	for _, k := range im.all {
		if !k.signals {
			im.plain(k)
			continue
		}
		if err := im.junction(k); err != nil {
			return nil, err
		}
	}
	if len(im.lone) > 0 {
		im.net.Assumed = append(im.net.Assumed, fmt.Sprintf("%d signals on the map belong to no junction or crossing that could be found, and are left out: nodes %s", len(im.lone), list(im.lone)))
	}
	if len(im.net.Junctions) == 0 {
		return nil, city.Errorf(city.Invalid, "%s: %s", name, strings.Join(append([]string{"there is no junction with signals (highway=traffic_signals) in this area"}, im.net.Assumed[general:]...), "; "))
	}
	if err := network.Complete(im.net); err != nil {
		return nil, err
	}
	for _, j := range im.net.Junctions {
		if err := allowLongReds(j); err != nil {
			return nil, err
		}
	}
	return im.net, nil
}

func list(nodes []osm.NodeID) string {
	text := make([]string, 0, len(nodes))
	for i, n := range nodes {
		if i == 10 {
			text = append(text, "...")
			break
		}
		text = append(text, fmt.Sprint(n))
	}
	return strings.Join(text, ", ")
}

// general lists what is taken for granted everywhere.
func (x *extract) general() []string {
	out := []string{
		"traffic keeps to the right",
		fmt.Sprintf("lanes are %g m wide; people clear a crossing at %g m/s from kerb to kerb", laneWidth, network.WalkingSpeed),
		"turning around, cycle tracks and bus lanes are not modelled: a lane for buses counts as a lane for all",
		"service ways (car parks, yards) and ways closed to cars are left out",
		"intergreens follow RiLSA 2010, 2.5, from the geometry of the map; they must be measured on the street before use",
	}
	if x.skipped > 0 {
		out = append(out, fmt.Sprintf("%d turn restrictions that hold at some hours only or by way of a street are not read", x.skipped))
	}
	return out
}

// streets makes the edges between junctions.
func (im *importer) streets() {
	chains := im.chains(func(n osm.NodeID) bool { return im.of[n] != nil })
	for _, c := range chains {
		first, last := c.nodes[0], c.nodes[len(c.nodes)-1]
		a := &arm{cluster: im.of[first], chain: c, atStart: true, node: first}
		b := &arm{cluster: im.of[last], chain: c, node: last}
		if b.cluster == nil || a.cluster == b.cluster && a.signals && c.total <= 2*together {
			continue // inside a junction
		}
		share := func(own, other *arm) float64 {
			if own.signals && !other.signals {
				return c.total * 0.9
			}
			if !own.signals && other.signals {
				return min(atPlain, c.total*0.1)
			}
			return c.total * 0.49
		}
		im.measure(a, share(a, b))
		im.measure(b, share(b, a))
		if c.open(true) {
			a.out, b.in = im.sections(c, a, b)
		}
		if c.open(false) {
			b.out, a.in = im.sections(c, b, a)
		}
		if a.in != nil || a.out != nil {
			im.arms[a.cluster] = append(im.arms[a.cluster], a)
			im.arms[b.cluster] = append(im.arms[b.cluster], b)
		}
	}
	for k := range im.arms {
		slices.SortStableFunc(im.arms[k], func(a, b *arm) int { return cmp.Compare(a.bearing(), b.bearing()) })
	}
}

// bearing returns where an arm lies seen from the junction, degrees from north
// clockwise.
func (a *arm) bearing() float64 {
	line, _, _ := a.outward()
	at, _ := along(line, min(30, a.chain.total))
	b := angle(at.minus(line[0]), point{0, 1})
	if b < 0 {
		b += 360
	}
	return b
}

var winds = []string{"north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"}

// title names an arm for people.
func (a *arm) title() string {
	name := a.chain.hops[0].way.name
	if !a.atStart {
		name = a.chain.hops[len(a.chain.hops)-1].way.name
	}
	if name == "" {
		name = "street without a name"
	}
	return name + " " + winds[int(a.bearing()/45+0.5)%8]
}

// plain links the lanes where streets meet without signals.
func (im *importer) plain(k *cluster) {
	for _, m := range im.movements(k) {
		for _, p := range m.pairs {
			im.net.Links = append(im.net.Links, network.Link{From: m.from.in.lanes[p.from], To: m.to.out.lanes[p.to], Turn: m.turn, Length: m.direct(), Junction: -1, Signal: -1})
		}
	}
}
