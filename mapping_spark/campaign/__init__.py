"""Who a campaign was sent to, what they did, and the sums that add up."""
