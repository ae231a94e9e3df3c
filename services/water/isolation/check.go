package isolation

import "polity/services/water/network"

// Reaches says whether water from any reservoir or tank still comes to a link when
// some valves are closed. It walks nodes and links one by one and knows nothing of
// segments: it is how plans are checked.
func Reaches(n *network.Network, valves []Valve, closed map[int]bool, link int) bool {
	barred := map[[2]int]bool{}
	for i, v := range valves {
		if closed[i] && !v.Stuck {
			barred[[2]int{v.Link, v.Node}] = true
		}
	}
	nodes, links := make([]bool, len(n.Nodes)), make([]bool, len(n.Links))
	var queue []int
	enter := func(node int) {
		if !nodes[node] {
			nodes[node] = true
			queue = append(queue, node)
		}
	}
	for i, node := range n.Nodes {
		if node.Kind != network.Junction {
			enter(i)
		}
	}
	for len(queue) > 0 {
		node := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, a := range n.Arms(node) {
			if barred[[2]int{a.Link, node}] || n.Links[a.Link].Closed && a.Link != link {
				continue
			}
			links[a.Link] = true
			if !barred[[2]int{a.Link, a.To}] {
				enter(a.To)
			}
		}
	}
	return links[link]
}
