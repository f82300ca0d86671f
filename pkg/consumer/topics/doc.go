// Package topics declares Nova's Kafka topics in topics.yaml and brings a cluster
// to them.
//
// Apply creates what is missing and sets configuration that differs; it returns
// when every topic has its leaders. A topic with fewer partitions than declared
// is drift, which Plan lists and Apply refuses before it changes anything. More
// partitions, another replication factor, and a longer retention or larger
// messages than declared are the operator's choice and left alone.
//
// Any number of Apply calls may run at once: the cluster makes a topic once, and
// setting a value again changes nothing.
//
// A call that fails half way has changed a part; the next Apply does the rest.
package topics
