// Package console is the pages: what a resident, an operator or a journalist sees
// of the city in a browser.
//
// Here all addresses are joined ([Routes]) and everything is made that pages need. What they
// have in common is package console/frame; the pages of a service are a package of their own,
// such as console/waste, and know nothing but the frame and their service.
//
// The pages know the world behind them only through [City], which the hub
// implements. Every address names an action ([frame.Route]); who asks and whether they may is
// said by [frame.Access], and what is not public is written down by [Looks] before it is
// shown. Everything shown to the public passes the rules of package
// console/counts first: late by [Entry.PublicDelay], in quarters of an hour,
// nothing below [Entry.Threshold]. City therefore answers with what is so; it
// never has to hide.
package console

//go:generate go run ./generate
