package main

import (
	"math"
	"time"

	"polity/services/water/battledim"
	"polity/services/water/network"
	"polity/services/water/scada"
)

// nearest is the trivial method: when a sensor's mean of a day lies 0.3 m below its
// mean of the four weeks before, the pipe nearest to the sensor that fell most is
// named; the same pipe again not before a month.
func nearest(n *network.Network, between *network.Between, d *scada.Data) []battledim.Detection {
	const (
		fall  = 0.3 // m
		weeks = 28
	)
	perDay := int(24 * time.Hour / d.Pressures.Step)
	days := d.Pressures.Len() / perDay
	mean := make([][]float64, len(d.Pressures.Names))
	for c, column := range d.Pressures.Values {
		for day := range days {
			sum, count := 0.0, 0.0
			for _, v := range column[day*perDay : (day+1)*perDay] {
				if !math.IsNaN(float64(v)) {
					sum += float64(v)
					count++
				}
			}
			mean[c] = append(mean[c], sum/count)
		}
	}
	var all []battledim.Detection
	last := map[int]int{}
	for day := weeks; day < days; day++ {
		worst, sensor := fall, -1
		for c := range mean {
			before := 0.0
			for k := day - weeks; k < day; k++ {
				before += mean[c][k] / weeks
			}
			if f := before - mean[c][day]; f > worst {
				worst, sensor = f, c
			}
		}
		if sensor < 0 {
			continue
		}
		node, ok := n.Node(d.Pressures.Names[sensor])
		if !ok {
			continue
		}
		best := -1
		for j, l := range n.Links {
			if l.Kind == network.Pipe && (best < 0 || between.NodeLink(node, j) < between.NodeLink(node, best)) {
				best = j
			}
		}
		if was, ok := last[best]; ok && day-was < 30 {
			continue
		}
		last[best] = day
		all = append(all, battledim.Detection{Pipe: n.Links[best].ID, At: d.Pressures.Start.Add(time.Duration(day+1) * 24 * time.Hour)})
	}
	return all
}
