"""What people write to a chat that can draw and read, and what is the right thing to do then.

`words/` holds the hand-written lists; `grammar` combines them; `subjects` makes things to draw; `requests`
makes single messages with their expected tool and argument; `evaluation/` holds messages written apart,
which the grammar never produces. Knows no model and no tokenizer.
"""
