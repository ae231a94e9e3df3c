package network

import (
	"container/heap"
	"math"
)

// Kind says what a node or link is.
type Kind uint8

// Kinds of nodes and links.
const (
	Junction Kind = iota
	Reservoir
	Tank
	Pipe
	Pump
	Valve
)

func (k Kind) String() string {
	return [...]string{"junction", "reservoir", "tank", "pipe", "pump", "valve"}[k]
}

// Demand is one category of a junction's use.
type Demand struct {
	Base    float64 // in the file's flow unit
	Pattern string  // "" for the file's default
}

// Node is a junction, reservoir or tank.
type Node struct {
	ID   string
	Kind Kind
	// Elevation is a junction's or tank's height, a reservoir's head, in the file's
	// length unit.
	Elevation float64
	X, Y      float64 // coordinates; NaN where the file has none
	Demands   []Demand
	// A tank's levels above its elevation, and its diameter.
	Level, MinLevel, MaxLevel, Diameter float64
}

// Link is a pipe, pump or valve.
type Link struct {
	ID       string
	Kind     Kind
	From, To int     // indices of nodes
	Length   float64 // of a pipe, in the file's length unit
	Diameter float64 // of a pipe or valve, in the file's diameter unit (mm or in)
	Rough    float64 // of a pipe, by the file's formula
	Closed   bool    // at the start
	Check    bool    // a pipe with a check valve
	Type     string  // of a valve: PRV, PSV, PBV, FCV, TCV, GPV
	Setting  float64 // of a valve
}

// Network is what a file says about nodes and links, in EPANET's order: junctions
// before reservoirs and tanks.
type Network struct {
	File     *File
	Units    string // of flow: CMH, LPS, GPM ...
	Headloss string // H-W, D-W or C-M
	Nodes    []Node
	Links    []Link
	nodes    map[string]int
	links    map[string]int
	adjacent [][]Arm
}

// Arm is a link as seen from a node.
type Arm struct{ Link, To int }

// Node returns the index of the node with an id.
func (n *Network) Node(id string) (int, bool) {
	i, ok := n.nodes[id]
	return i, ok
}

// Link returns the index of the link with an id.
func (n *Network) Link(id string) (int, bool) {
	i, ok := n.links[id]
	return i, ok
}

// Arms returns the links at a node.
func (n *Network) Arms(node int) []Arm { return n.adjacent[node] }

// Metric says whether lengths are metres and diameters millimetres.
func (n *Network) Metric() bool {
	switch n.Units {
	case "CFS", "GPM", "MGD", "IMGD", "AFD":
		return false
	}
	return true
}

// cubicMetresPerHour by flow unit. EPANET 2.2 types.h (GPMperCFS and so on) in SI.
var cubicMetresPerHour = map[string]float64{
	"CFS": 101.940647, "GPM": 0.2271247, "MGD": 157.725491, "IMGD": 189.420427, "AFD": 51.394923,
	"LPS": 3.6, "LPM": 0.06, "MLD": 41.6666667, "CMH": 1, "CMD": 1.0 / 24, "CMS": 3600,
}

// CubicMetresPerHour returns how many m³/h one flow unit of the file is.
func (n *Network) CubicMetresPerHour() float64 { return cubicMetresPerHour[n.Units] }

// BaseDemand returns the sum of a node's categories, in the file's flow unit.
func (n *Node) BaseDemand() float64 {
	sum := 0.0
	for _, d := range n.Demands {
		sum += d.Base
	}
	return sum
}

// Distances returns the length of the shortest way along pipes from a node to every
// other, in the file's length unit; pumps and valves have none. Nodes that cannot
// be reached are at +Inf. Closed links count: they are where they are.
func (n *Network) Distances(from int) []float64 {
	d := make([]float64, len(n.Nodes))
	for i := range d {
		d[i] = math.Inf(1)
	}
	d[from] = 0
	queue := &frontier{{from, 0}}
	for queue.Len() > 0 {
		at := heap.Pop(queue).(reached)
		if at.distance > d[at.node] {
			continue
		}
		for _, a := range n.adjacent[at.node] {
			if far := at.distance + n.Links[a.Link].Length; far < d[a.To] {
				d[a.To] = far
				heap.Push(queue, reached{a.To, far})
			}
		}
	}
	return d
}

type reached struct {
	node     int
	distance float64
}

type frontier []reached

func (f frontier) Len() int           { return len(f) }
func (f frontier) Less(i, j int) bool { return f[i].distance < f[j].distance }
func (f frontier) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *frontier) Push(x any)        { *f = append(*f, x.(reached)) }
func (f *frontier) Pop() any {
	old := *f
	x := old[len(old)-1]
	*f = old[:len(old)-1]
	return x
}

// Between returns distances between the middles of links: the shortest way between
// their nearer ends and half of each length, 0 from a link to itself. This is
// BattLeDIM's distance between pipes.
type Between struct {
	n     *Network
	nodes [][]float64
}

// Between computes all distances between links.
func (n *Network) Between() *Between {
	b := &Between{n: n, nodes: make([][]float64, len(n.Nodes))}
	for i := range n.Nodes {
		b.nodes[i] = n.Distances(i)
	}
	return b
}

// Links returns the distance between two links, in the file's length unit.
func (b *Between) Links(i, j int) float64 {
	if i == j {
		return 0
	}
	p, q := &b.n.Links[i], &b.n.Links[j]
	return min(b.nodes[p.From][q.From], b.nodes[p.From][q.To], b.nodes[p.To][q.From], b.nodes[p.To][q.To]) + (p.Length+q.Length)/2
}

// NodeLink returns the distance from a node to the middle of a link.
func (b *Between) NodeLink(node, link int) float64 {
	l := &b.n.Links[link]
	return min(b.nodes[node][l.From], b.nodes[node][l.To]) + l.Length/2
}
