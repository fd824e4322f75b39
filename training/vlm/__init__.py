"""How the embedded VLM is made: its tokenizer, its conversations, its training, its evaluation, its export."""
