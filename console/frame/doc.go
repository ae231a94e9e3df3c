// Package frame is what every page stands in: who asks and whether they may, the layout and
// its language, signs and dates, errors, and the ways of answering.
//
// A group of pages (package console/waste, say) embeds a [Frame] and lists its addresses as
// [Route]s. A route is served by [Frame.Handle], which has found out who asks and has had the
// policies decide about the route's action before the page is called. A page answers by one
// of [Frame.Render], [Frame.Fragment], [Frame.Answer] and [Frame.CSV], or returns an error,
// which [Frame.Handle] then tells the reader: its kind (city.KindOf) is the status, and what
// of it is internal goes to the log alone.
//
// A Frame is made once and is safe for concurrent use after the last call of [Frame.Parse].
package frame
