// Package mqtt brings devices' messages over MQTT 3.1.1 and 5: from an embedded broker
// that does nothing but take them (Start), or as a client of a broker that is there
// already (Connect).
//
// A message of quality of service 1 or 2 is acknowledged only after the city's data has
// committed it. While the store is away the connection is cut, and the device, which
// still has the message, sends it again. A message that is refused is acknowledged:
// sending it again would not help.
package mqtt
